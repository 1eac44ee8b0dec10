#!/usr/bin/env python3
"""The rules of tools/data that make conversations from captions, on captions made up for it; and the parts of the lists
of pairs that need no data.
Usage: caption_rules_test.py SOURCE_DIR"""

import json
import pathlib
import random
import struct
import sys
import tempfile
import unittest

SOURCE_DIR = pathlib.Path(sys.argv.pop(1)) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(SOURCE_DIR / "tools" / "data"))

import caption_agreement
import caption_rules as rules
import class_sentences
import common
import make_conversations
import make_eval_set
import object_talk
import photo_talk
import sense_talk
import sound_sets
import text_talk
from caption_things import THINGS, is_absent

ONE_DOG = ["A brown dog runs through the snow.", "A dog is running in deep snow.",
           "The brown dog plays in the snow.", "A dog with a red collar runs.", "A tan dog in the snow."]
TWO_DOGS = ["Two dogs play on the beach.", "Two dogs are running on the sandy beach.",
            "A black dog chases a white dog.", "Dogs at the beach.", "Two large dogs play with a dog toy."]
MAN = ["A man in a red shirt is riding a bike down the street.", "A man rides a bicycle on the street.",
       "A man wearing a red shirt is cycling.", "The man rides his bike.", "A cyclist in a red shirt."]
CROWD = ["A group of people watch a man with a guitar.", "A man plays the guitar.", "A man with a guitar sings.",
         "Many people listen to music.", "A musician in front of a crowd."]


class Counting(unittest.TestCase):
    def count(self, captions, thing):
        return rules.count_of(captions, THINGS[thing])

    def test_agreeing_captions(self):
        self.assertEqual(self.count(ONE_DOG, "dog"), 1)
        self.assertEqual(self.count(TWO_DOGS, "dog"), 2)
        self.assertEqual(self.count(["Three young girls dance.", "3 girls in pink.", "Girls dancing."], "girl"), 3)

    def test_a_chain_of_single_mentions_is_added_up(self):
        self.assertEqual(self.count(["A black dog and a white dog run.", "A dog chases another dog.",
                                     "A dog plays."][:2], "dog"), 2)

    def test_contradiction_is_silence(self):
        self.assertIsNone(self.count(ONE_DOG[:4] + ["Two dogs run."], "dog"))
        self.assertIsNone(self.count(TWO_DOGS[:2] + ["Three dogs on a beach."], "dog"))

    def test_one_voice_is_not_enough(self):
        self.assertIsNone(self.count(["Two dogs run.", "Dogs run.", "Animals on the grass."], "dog"))
        self.assertIsNone(self.count(["A dog runs.", "An animal runs.", "A dog."], "dog"))

    def test_plural_contradicts_a_single_one(self):
        self.assertIsNone(self.count(ONE_DOG[:3] + ["Dogs in the snow.", "A dog."], "dog"))

    def test_crowds_are_not_counted(self):
        self.assertIsNone(self.count(CROWD, "man"))

    def test_more_than_three_is_not_said(self):
        self.assertIsNone(self.count(["Four dogs run.", "Four dogs play.", "Four dogs."], "dog"))

    def test_words_that_only_describe(self):
        self.assertEqual(rules.mentions("A child with a dog toy.", *map(frozenset, (["dog"], ["dogs"]))), [])


class Colours(unittest.TestCase):
    def test_two_agree_and_one_is_close(self):
        self.assertEqual(rules.colours(ONE_DOG)["dog"], "brown")

    def test_red_collar_is_no_red_dog(self):
        self.assertNotIn("red", rules.colours(ONE_DOG)["dog"])

    def test_disagreement_is_silence(self):
        self.assertNotIn("dog", rules.colours(["A black dog.", "A black dog runs.", "A white dog runs."]))

    def test_two_things_have_no_colour(self):
        self.assertNotIn("dog", rules.colours(["A black dog and a black dog run.", "A black dog.", "A black dog."]))
        self.assertNotIn("dog", rules.colours(TWO_DOGS))

    def test_both_colours_in_one_order(self):
        captions = ["A white and black dog runs.", "A black and white dog.", "A black-and-white dog sits."]
        self.assertEqual(rules.colours(captions)["dog"], "black and white")

    def test_markings_are_no_plain_colour(self):
        captions = ["A white dog with brown spots runs.", "A white dog runs.", "A white dog jumps."]
        self.assertNotIn("dog", rules.colours(captions))

    def test_garment_of_the_only_person(self):
        self.assertEqual(rules.colours(MAN)["shirt"], "red")
        self.assertNotIn("shirt", rules.colours(MAN[:1] + ["A woman in a red shirt and a man."]))


class Presence(unittest.TestCase):
    def test_present_needs_two(self):
        self.assertIn("dog", rules.present_things(ONE_DOG))
        self.assertNotIn("guitar", rules.present_things(["A man with a guitar.", "A man sings."]))
        self.assertNotIn("slide", rules.present_things(["A boy slides home.", "The boys slide into the base."]))
        self.assertIn("slide", rules.present_things(["A boy on a slide.", "The boy goes down a blue slide."]))

    def test_absent_means_by_any_word(self):
        self.assertTrue(is_absent(ONE_DOG, THINGS["cat"]))
        for captions, thing in ((["A puppy sleeps."], "dog"), (["An animal runs."], "cat"), (["A rider."], "horse"),
                                (["A hiker on a hill."], "woman"), (["The skier jumps."], "snow"),
                                (["A toddler plays."], "boy"), (["Police officers."], "man")):
            self.assertFalse(is_absent(captions, THINGS[thing]), (captions, thing))

    def test_yes_and_no_are_balanced_and_right(self):
        photos = [photo_talk.Photo(str(i), captions) for i in range(50) for captions in (ONE_DOG, MAN, CROWD)]
        asked = photo_talk.balanced_presence(photos, random.Random(1))
        dogs = [photo for photo, name in asked if name == "dog"]
        self.assertEqual(sum("dog" in photo.present for photo in dogs), 50)
        self.assertEqual(len(dogs), 100)
        for photo, name in asked:
            answer = photo_talk.presence(photo, name, random.Random(2))[1]
            self.assertTrue(answer.startswith("Yes" if name in photo.present else "No"), answer)


class Clauses(unittest.TestCase):
    def clause(self, caption):
        clause = rules.clause_of(caption)
        return clause and (clause.subject, clause.action)

    def test_forms_of_the_verb(self):
        dog = ("a brown dog", "running through the snow")
        for caption in ("A brown dog runs through the snow.", "The brown dog is running through the snow.",
                        "Brown dog running through the snow while it barks."):
            self.assertEqual(self.clause(caption), dog, caption)
        self.assertEqual(self.clause("Two young girls play with a ball, and smile."),
                         ("two young girls", "playing with a ball"))
        self.assertEqual(self.clause("A man in a red shirt is riding a bike."), ("a man", "riding a bike"))

    def test_second_clause_is_cut(self):
        self.assertEqual(self.clause("A dog runs on grass and jumps over a bar."), ("a dog", "running on grass"))
        self.assertEqual(self.clause("A boy eats at a table for one."), ("a boy", "eating at a table"))

    def test_forms_that_are_not_known_are_silence(self):
        for caption in ("There is a dog.", "The bike of a man.", "A dog with its tongue hanging out runs on grass.",
                        "A man wearing a hat.", "A dog runs in a fenced, muddy area.",
                        "A dog runs through brown, leafy terrain.", "The girls with a cap is standing there."):
            self.assertIsNone(rules.clause_of(caption), caption)

    def test_only_about_the_one_subject(self):
        self.assertEqual({c.thing for c in rules.clauses_of(ONE_DOG)}, {"dog"})
        self.assertEqual(rules.clauses_of(ONE_DOG[:2] + ["Two dogs play in the snow."]), [])


class Places(unittest.TestCase):
    def test_two_agree(self):
        self.assertEqual(rules.place_of(ONE_DOG), "in the snow")
        self.assertEqual(rules.place_of(MAN), "on the street")

    def test_one_voice_is_not_enough(self):
        self.assertIsNone(rules.place_of(["A man in the snow.", "A man walks.", "A man."]))

    def test_what_is_near_or_compound_is_not_the_place(self):
        self.assertIsNone(rules.place_of(["A man by the water.", "A man near the water."]))
        self.assertIsNone(rules.place_of(["A man on a beach chair.", "A man in a beach chair."]))


class Conversations(unittest.TestCase):
    def test_answers_of_one_photo(self):
        photo, rng = photo_talk.Photo("a.jpg", MAN), random.Random(3)
        self.assertIn("man", " ".join(photo_talk.who_turn(photo, rng)))
        question, answer = photo_talk.colour_turn(photo, "shirt", rng)
        self.assertIn("shirt", question)
        self.assertIn("red", answer.lower())
        turns = photo_talk.follow_up_turns(photo, rng)
        self.assertGreaterEqual(len(turns), 2)
        nobody = photo_talk.who_turn(photo_talk.Photo("b.jpg", ONE_DOG), rng)[1]
        self.assertIn("a dog", nobody)

    def test_every_sentence_is_whole(self):
        photos = [photo_talk.Photo(str(i), captions) for i, captions in enumerate((ONE_DOG, TWO_DOGS, MAN, CROWD) * 5)]
        made = make_conversations.photo_conversations(photos, random.Random(4))
        for kind in ("caption", "yes_no", "count", "colour", "doing", "where", "who", "story", "follow_up"):
            self.assertTrue(made[kind], kind)
            for inputs, turns in made[kind]:
                for question, answer in turns:
                    self.assertRegex(question, r"^[A-Z].*[?.]$", kind)
                    self.assertRegex(answer, r"^[A-Z\"].*[.!?]$", kind)
                    self.assertNotRegex(question + answer, r"  |\{|\bNone\b|\ba [aeio]", kind)
                self.assertEqual(list(inputs), ["image_name"])

    def test_same_seed_same_conversations(self):
        photos = [photo_talk.Photo("a", ONE_DOG), photo_talk.Photo("b", MAN)]
        first, second = (make_conversations.photo_conversations(photos, random.Random(5)) for _ in range(2))
        self.assertEqual(first, second)

    def test_shares(self):
        entries = [({}, [(str(i), "a")]) for i in range(10)]
        self.assertEqual(len(make_conversations.taken(entries, 2.5, random.Random(1))), 25)
        self.assertEqual(make_conversations.taken(entries, 0, random.Random(1)), [])
        with self.assertRaises(Exception):
            make_conversations.parse_share("story=many")

    def test_plain_text_keeps_away_from_the_test(self):
        asked = {turn[0].lower().strip("?.! ") for turns in text_talk.text_conversations(random.Random(1))
                 for turn in turns}
        path = SOURCE_DIR / "tools" / "data" / "text_questions.json"
        tested = json.loads(path.read_text(encoding="utf-8"))
        self.assertEqual(len(tested), 20)
        self.assertEqual(asked & {one["question"].lower().strip("?.! ") for one in tested}, set())

    def test_objects(self):
        self.assertEqual(object_talk.common_name(207), "dog")
        self.assertEqual(object_talk.common_name(14), "bird")
        self.assertIsNone(object_talk.common_name(497))

    def test_senses(self):
        rng = random.Random(6)
        for label in class_sentences.SOUNDS:
            question, answer = sense_talk.heard_turn(label, rng)
            thing = class_sentences.SOUNDS[label].thing
            self.assertEqual(answer.startswith("Yes"), f"hear {thing}" in question, (question, answer))
        self.assertIn("waving", sense_talk.action_turn("waving the right hand", ("?",), random.Random(2))[1])


class Agreement(unittest.TestCase):
    GROUPS = [["A dog runs on the grass.", "A dog runs across the grass.", "Green grass everywhere."],
              ["A man sits.", "The man sits.", "Somebody waits."], ["A cat."]]

    def test_the_caption_that_says_what_others_say_comes_first(self):
        agreement = caption_agreement.Agreement(self.GROUPS)
        for captions in self.GROUPS[:2]:
            self.assertEqual(set(agreement.best(captions, 2)), set(captions[:2]))
            scores = agreement.scores(captions)
            self.assertGreater(min(scores[:2]), scores[2])
            self.assertAlmostEqual(scores[0], agreement.scores(captions[::-1])[2])
        self.assertEqual(agreement.scores(["A cat."]), [0])
        self.assertEqual(agreement.best(["A cat."], 2), ["A cat."])

    def test_words_of_all_photos_count_nothing(self):
        groups = [["a dog", "a cat"], ["a man", "a car"]]
        self.assertEqual(caption_agreement.Agreement(groups).scores(groups[0]), [0, 0])


class Lists(unittest.TestCase):
    def test_every_label_has_a_class_and_words(self):
        self.assertEqual(set(class_sentences.SOUND_OF_LABEL.values()), set(class_sentences.SOUNDS))
        self.assertEqual(set(class_sentences.ACTION_OF_LABEL.values()), set(class_sentences.ACTIONS))
        path = SOURCE_DIR / "tools" / "data" / "synonyms.json"
        synonyms = json.loads(path.read_text(encoding="utf-8"))
        wanted = {*class_sentences.SOUNDS, *class_sentences.ACTIONS, *class_sentences.THERMAL_MORE,
                  *make_eval_set.COMPOSITION_PHOTOS}
        self.assertEqual(wanted - synonyms.keys(), set())

    def test_classes_keep_sentences_of_their_own(self):
        for table in ([class_sentences.sound_sentences(name) for name in class_sentences.SOUNDS],
                      [class_sentences.action_sentences(name) for name in class_sentences.ACTIONS]):
            said = [text for texts in table for text in texts]
            self.assertEqual(len(said), len(set(said)), [text for text in said if said.count(text) > 1])

    def test_no_neighbour_or_copy_of_what_is_held_out(self):
        digests = list("abcdefghijklmnopqrst")
        digests[2] = digests[15]  # a copy far away
        run, blocked = sound_sets.cheapest_run(digests, 0.15, set())
        self.assertEqual(len(run), 3)
        for i in run:
            self.assertLessEqual({j for j in range(i - 3, i + 4) if 0 <= j < 20}, blocked)
        self.assertLessEqual({2, 15}, sound_sets.neighbourhood(digests, range(15, 17)))
        self.assertEqual(sound_sets.without_copies([2, 3, 15], digests), [2, 3])

    def test_ogg_digest_ignores_serial_and_checksum(self):
        def page(serial, crc, body):
            return (b"OggS" + bytes(10) + struct.pack("<III", serial, 0, crc) + bytes([1, len(body)]) + body)

        with tempfile.TemporaryDirectory() as folder:
            digests = []
            for serial, sound in ((1, b"sound"), (2, b"sound"), (1, b"other")):
                path = pathlib.Path(folder) / f"{serial}{sound.decode()}.opus"
                path.write_bytes(b"".join(page(serial, serial * 7, body)
                                          for body in (b"OpusHead", b"OpusTags" + bytes([serial]), sound)))
                digests.append(common.ogg_digest(path))
            self.assertEqual(digests[0], digests[1])
            self.assertNotEqual(digests[0], digests[2])
            path.write_bytes(b"RIFF")
            with self.assertRaises(SystemExit):
                common.ogg_digest(path)

    def test_short_arrays_are_held_at_their_last_row(self):
        text = "{'descr': '<f2', 'fortran_order': False, 'shape': (2, 3), }".ljust(117) + "\n"
        rows = struct.pack("<6e", 1, 2, 3, 4, 5, 6)
        array = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + rows
        held = common.held_to(array, 4)
        self.assertEqual(len(held) % 64, (12 * 2) % 64)
        self.assertIn(b"'shape': (4, 3)", held)
        self.assertEqual(struct.unpack("<12e", held[-24:]), (1, 2, 3, 4, 5, 6, 4, 5, 6, 4, 5, 6))
        self.assertEqual(common.held_to(array, 2), array)
        with self.assertRaises(ValueError):
            common.held_to(array.replace(b"False", b"True "), 4)


if __name__ == "__main__":
    unittest.main()
