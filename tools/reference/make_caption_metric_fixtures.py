#!/usr/bin/env python3
"""Writes tests/fixtures/caption_metrics/*.json with pycocoevalcap's own numbers.

    pip install pycocoevalcap==1.2        # and a Java runtime, for its PTBTokenizer
    python make_caption_metric_fixtures.py OUT_FOLDER

captions.json: 40 invented images with 5 references and an answer each, and the scores of the set
and of each image. tokens.json: sentences with odd spelling and the tokens that remain of each.
All sentences are made up here.
"""
import json
import sys
from pathlib import Path

from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

# (answer, references): odd on purpose.
ODD_IMAGES = [
    ("A man's dog doesn't want to leave the pier.",
     ["The man's dog doesn't leave the pier!", "A dog that won't leave a wooden pier.",
      "It's a dog on a pier, isn't it?", "Someone's brown dog stands on the pier",
      "The dog can't swim, so it's waiting on the pier."]),
    ("Two well-known chefs cook a half-finished meal.",
     ["Two chefs -- both well-known -- are cooking.", "A half-cooked meal in a kitchen; two chefs.",
      "Chefs in T-shirts cook in an open-air kitchen.", "Two cooks stir a semi-liquid sauce.",
      "The chefs' hats are snow-white."]),
    ("Runner No. 7 wins the 1,500 m race in 3:45.",
     ["Number 7 crosses the line at 10:30 a.m. in the rain.", "Runner #7 is ahead by 2.5 metres.",
      "A 1,500 m race with 12 runners", "The winner ran 1/2 a second faster than no. 4.",
      "3rd and 4th place go to runners in their 40s."]),
    ("Dr. Young and Mrs. Hill walk down Baker St. at 5 p.m.",
     ["Mr. and Mrs. Hill walk their dog on St. John's Rd.", "Two doctors from the U.S. take a walk.",
      "A couple, i.e. two people, etc.", "J. K. Hill and D. Young stroll vs. the wind.",
      "In Washington, D.C., two people walk."]),
    ("A sign says \"No parking\" beside a café.",
     ["The sign reads “No parking”.", "A ‘no parking’ sign near the café", "``Stop'' is written on it...",
      "A naïve drawing of a car hangs in a café in Zürich.", "The words 'no' and 'parking' (in red)."]),
    ("The boy's mother can't find her son's shoes.",
     ["She's looking for shoes she'd lost.", "They'll find them; they've looked everywhere.",
      "I'm sure you're the boy's mother, aren't you?", "The boys' shoes aren't here.",
      "Mother and son, looking for 'em since '98."]),
    ("Rock 'n' roll players on stage at 9 o'clock",
     ["Rock'n'roll at nine o'clock!", "The band's gonna play, and they wanna dance.",
      "You cannot hear them, y'all!", "'Tis a concert: guitars, drums & bass.",
      "Musicians from O'Brien's R&B band."]),
    ("", ["Nothing at all is on the table.", "An empty white table.", "A table with no thing on it.",
          "The table is bare and clean.", "White table, empty room."]),
    ("Table.", ["A table.", "The table", "One wooden table stands there.", "table", "A table - round."]),
    ("Cost: $5.50 (or €5) for 2 1/2 cups, 50% off!!",
     ["Price tag of $5.50 for a cup.", "The tag says 50% off?!", "A price of £5 [approx.] is shown.",
      "2 1/2 cups of tea cost five dollars", "½ price; was 10$."]),
    ("Ein Hund läuft über die Straße — schnell!",
     ["Ein Hund läuft über eine Straße.", "Der Hund – ganz schnell – läuft.", "Собака бежит по улице.",
      "犬が 走っている 。", "Un chien traverse la rue, l'après-midi."]),
    ("see www.example.com/dogs or mail me@example.com :)",
     ["A page at http://example.org/a?b=1, with dogs", "Mail to me@example.com; no reply.",
      "#dogs and @friend are tags", "A smiling face :-) next to a heart ♥", "Look: <b>bold</b> dogs & cats &amp; more"]),
]

SUBJECTS = ["an old fisherman", "a girl in a yellow raincoat", "two white goats", "a street musician",
            "three cyclists", "a tall waiter", "a sleepy kitten", "the red tractor", "a group of hikers",
            "a woman with a basket", "a juggler", "a brown horse", "a painter on a ladder", "twin brothers"]
ACTIONS = ["is mending a net", "jumps into a puddle", "climb a steep wall", "plays the accordion",
           "wait at the crossing", "carries four plates", "is lying on a pillow", "pulls a cart of hay",
           "look at a map", "buys fresh bread", "throws five torches", "drinks from a trough",
           "is drawing a whale", "share an ice cream"]
PLACES = ["by the harbour", "in the rain", "near a ruined tower", "under a stone bridge",
          "in front of the town hall", "on a sunny terrace", "in the snow"]

SENTENCES = [
    "He said he'd've gone, but couldn't've.", "Jack-o'-lanterns and merry-go-rounds",
    "AT&T, H&M and tom&jerry", "C++ and C# but not F+", "a.k.a. the U.S.-based non-U.S. team",
    "the 21st-century 5-year-old's T-shirt", "and/or he/she w/o a/b/c/d 24/7 1/2 3/4-inch",
    "1,000.5 -5 +5 .5 5,5 1-2-3 555-1234, 2014-01-05", "5'10\" tall, 20°C outside, 90's music, the '80s",
    "*** stars *** and ### hashes ## and __ lines", "one... two.. three…  four . . . five",
    "what?! no!! why?? yes! ok?", "a--b a - b a — b a–b --c d-- ---- ------",
    "(round) [square] {curly} <angle> < 3 > 2", "'single' ''double'' `back` ``open'' “curly” ‘curly’",
    "gonna gotta lemme gimme wanna cannot Gonna CANNOT", "C'mon y'all, ma'am! d'you know o'er ol' Hawai'i?",
    "Jan. 5, Inc. vs. Corp. and Prof. Smith, Jr., of Penn. No. 5 said no. Fig. 3",
    "vitamin A. The end. Plan B. Man. The letter c.", "word.word end.Next foo.com example.co.uk",
    "x_y snake_case _a b_ #tag #1 @user @1", ":) :-( ;) =D :P :/ ^_^", "½ ¼ ¾ € £ ¥ ¢ ™ ® © ± × ÷ § ² º ♥ → ★",
    "café Ångström ÉCOLE Žižek Čapek ΑΒΓ Привет МИР 日本 한국", "soft\u00adhyphen no\u00a0break zero\u200bwidth",
    "smile 😀 and 👍🏽 end", "dogs' cats' the boys'. James's", "ca n't do n't he 's ATV 's", "  spaced   out  ", ".", "?", "\"",
    "It’s the dog’s, isn’t it? ’Tis. Rock ’n’ roll o’clock", "tag,no space;here:there,1,2,3", "$5 5$ US$5 5% #5 & %",
    "= + ~ ^ | \\ / @ a=b a+b", "U.S.. p.m., e.g., i.e. Ph.D. M.D.", "O'Neill l'eau d'Artagnan n'est K'nex",
    "half-finished pre- and post-war -ish", "line\twith\ttabs",
]


def plain_images() -> list[tuple[str, list[str]]]:
    images = []
    for i in range(40 - len(ODD_IMAGES)):
        who, what, where = SUBJECTS[i % 14], ACTIONS[i % 14], PLACES[i % 7]
        other, else_ = SUBJECTS[(i + 5) % 14], ACTIONS[(3 * i + 1) % 14]
        first = who[0].upper() + who[1:]
        references = [f"{first} {what} {where}.", f"{where[0].upper()}{where[1:]}, {who} {what}.",
                      f"{first}, seen from behind, {what}", f"There is {other} and {who} {where}.",
                      f"{first} {where} {what} while {other} {else_}."]
        answers = [f"{first} {what}.", f"{first} {else_} {where}.", f"{other} {what} {where}",
                   f"A photo of {who} {where}, who {what} and {what}."]
        images.append((answers[i % 4], references))
    return images


def tokenized(captions: list[str]) -> list[str]:
    return PTBTokenizer().tokenize({0: [{"caption": c} for c in captions]})[0]


def captions_fixture() -> dict:
    images = ODD_IMAGES + plain_images()
    answers = PTBTokenizer().tokenize({i: [{"caption": a}] for i, (a, _) in enumerate(images)})
    references = PTBTokenizer().tokenize({i: [{"caption": r} for r in refs]
                                          for i, (_, refs) in enumerate(images)})
    bleu, bleu_each = Bleu(4).compute_score(references, answers, verbose=0)
    rouge, rouge_each = Rouge().compute_score(references, answers)
    cider, cider_each = Cider().compute_score(references, answers)
    cases = [{"answer": answer, "references": refs,
              "scores": [float(b[i]) for b in bleu_each] + [float(rouge_each[i]), float(cider_each[i])]}
             for i, (answer, refs) in enumerate(images)]
    return {"scores": [float(b) for b in bleu] + [float(rouge), float(cider)], "cases": cases}


def main() -> None:
    out = Path(sys.argv[1])
    write = lambda name, value: (out / name).write_text(
        json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    write("captions.json", captions_fixture())
    write("tokens.json", [{"text": s, "tokens": t} for s, t in zip(SENTENCES, tokenized(SENTENCES))])


if __name__ == "__main__":
    main()
