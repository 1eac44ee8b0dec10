#!/usr/bin/env python3
"""Writes panda-mini's conversations for `pandagpt-train llm` (docs/panda-mini-data.md).

    make_conversations.py --root DATA --out FILE [--split train] [--senses] [--only KIND ..]
                          [--share KIND=FACTOR ..] [--seed 1]

DATA is what sense_pairs.py prepared, and the media root for the trainer. Of the captions of
Flickr8k and the labels of the other sets it makes, by rules, descriptions, questions with yes and
no, counting, colours, actions, places, people, stories, follow-up questions, names of things and
plain text conversations; with --senses also such about sounds, motions, depth maps, thermal
pictures, and photos together with a sound. Only training parts are used (`train_dev`: less what is
held out to choose settings with; `dev`: that, without photos of things).

--only takes these kinds and no others; --share another number of a kind: 0 leaves it out, 0.5 takes half
of it, 2 all of it twice.
The number of each kind is printed. The same seed writes the same bytes. Standard library only.
"""
import argparse
import json
import random
from pathlib import Path

import photo_talk as talk
from caption_agreement import Agreement
from common import require
from object_talk import object_conversations
from photo_talk import Photo, Turns
from prepare_panda_mini import CAPTION_QUESTIONS, build, read_captions
from sense_talk import photo_and_sound, sense_conversations
from text_talk import text_conversations

Entry = tuple[dict, Turns]  # inputs as the trainer names them, and what is said
SPLITS = ("train", "train_dev", "dev")
AGREED_CAPTIONS = 2
# Of kinds that aren't taken whole unless --share says something else.
DEFAULT_SHARES = {"agreed_caption": 0.0}


def about(photo: Photo, *turns: tuple[str, str] | None) -> Entry:
    return {"image_name": photo.image}, [turn for turn in turns if turn is not None]


def photo_conversations(photos: list[Photo], rng: random.Random) -> dict[str, list[Entry]]:
    """Kind -> entries; a kind whose rules have nothing to say about a photo leaves it out."""
    made: dict[str, list[Entry]] = {
        "caption": [about(photo, (question, caption)) for photo in photos
                    for question in (rng.choice(CAPTION_QUESTIONS),)
                    for caption in photo.captions],
        "yes_no": [about(photo, talk.presence(photo, name, rng))
                   for photo, name in talk.balanced_presence(photos, rng)],
        "count": [about(photo, talk.count_turn(name, photo.counts[name], rng))
                  for photo, name in talk.balanced_counts(photos, rng) for _ in range(2)],
        "colour": [about(photo, talk.colour_turn(photo, name, rng)) for photo in photos
                   for name in photo.colours for _ in range(3)],
        "doing": [about(photo, talk.doing_turn(clause, rng)) for photo in photos
                  for clause in rng.sample(photo.clauses, min(2, len(photo.clauses)))],
        "where": [about(photo, talk.where_turn(photo, rng)) for photo in photos if photo.place
                  for _ in range(2)],
        "who": [about(photo, turn) for photo in photos if (turn := talk.who_turn(photo, rng))],
        "story": [about(photo, turn) for photo in photos if (turn := talk.story_turn(photo, rng))],
        "follow_up": [about(photo, *turns) for photo in photos
                      if (turns := talk.follow_up_turns(photo, rng))],
    }
    return made


def rng_of_photo(photo: Photo, seed: int) -> random.Random:
    """Draws that don't change those of other kinds."""
    return random.Random(f"{seed} {photo.image}")


def conversations(root: Path, split: str, with_senses: bool, seed: int) -> dict[str, list[Entry]]:
    rng = random.Random(seed)
    captions = read_captions(root)["dev" if split == "dev" else "train"]
    photos = [Photo(image, texts) for image, texts in captions.items() if texts]
    made = photo_conversations(photos, rng)
    agreement = Agreement([photo.captions for photo in photos])
    made["agreed_caption"] = [
        about(photo, (question, caption)) for photo in photos
        for question in (rng_of_photo(photo, seed).choice(CAPTION_QUESTIONS),)
        for caption in agreement.best(photo.captions, AGREED_CAPTIONS)]
    if split != "dev":
        held_out = {entry["image_name"] for entry in build(root, seed=1)["val"]}
        for kind, entries in object_conversations(root, held_out, rng).items():
            made[kind] = [({"image_name": image}, turns) for image, turns in entries]
        made["text"] = [({}, turns) for turns in text_conversations(rng)]
    if with_senses:
        made |= sense_conversations(root, split, rng)
        made["photo_and_sound"] = photo_and_sound(photos, root, split, rng)
    return made


def record(inputs: dict, turns: Turns) -> dict:
    said = []
    for question, answer in turns:
        said += [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]
    return inputs | {"conversation": said}


def taken(entries: list[Entry], share: float, rng: random.Random) -> list[Entry]:
    whole, part = int(share), share - int(share)
    return entries * whole + rng.sample(entries, round(part * len(entries)))


def parse_share(text: str) -> tuple[str, float]:
    kind, _, factor = text.partition("=")
    try:
        value = float(factor)
    except ValueError:
        value = -1
    if not 0 <= value <= 100:
        raise argparse.ArgumentTypeError(f"'{text}' is not of the form KIND=FACTOR, 0 to 100")
    return kind, value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True, help="the data, and media root")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--split", choices=SPLITS, default="train")
    parser.add_argument("--senses", action="store_true", help="other inputs than photos, too")
    parser.add_argument("--share", type=parse_share, action="append", default=[],
                        metavar="KIND=FACTOR")
    parser.add_argument("--only", action="append", default=[], metavar="KIND")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    require(arguments.root, "flickr8k/captions.tsv", "imagenet1k_sample/labels.tsv")
    made = conversations(arguments.root, arguments.split, arguments.senses, arguments.seed)
    shares = DEFAULT_SHARES | dict(arguments.share)
    if unknown := shares.keys() - made.keys() | set(arguments.only) - made.keys():
        parser.error(f"no kind {sorted(unknown)}; there are {', '.join(made)}")
    if arguments.only:
        made = {kind: made[kind] for kind in made if kind in arguments.only}
    rng = random.Random(arguments.seed)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    part = arguments.out.with_name(arguments.out.name + ".part")
    total = 0
    with part.open("w", encoding="utf-8") as file:
        for kind, entries in made.items():
            chosen = taken(entries, shares.get(kind, 1), rng)
            total += len(chosen)
            print(f"{kind:16}{len(chosen):7}")
            for inputs, turns in chosen:
                file.write(json.dumps(record(inputs, turns), ensure_ascii=False) + "\n")
    part.replace(arguments.out)
    print(f"{arguments.out}: {total} conversations")


if __name__ == "__main__":
    main()
