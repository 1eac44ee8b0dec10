"""Conversations about photos of one thing: ImageNet's sample, a photo a class."""
import random
from pathlib import Path

from common import read_table
from imagenet_names import PLURAL, answers, article, tidy_name
from photo_talk import PHOTO_WORDS, Turns, pick
from prepare_panda_mini import OBJECT_QUESTIONS

# Classes (their place in ImageNet's list, the last one included) -> what anybody would call it.
COMMON_NAMES = (
    ("fish", (0, 1), (389, 397)), ("shark", (2, 4)), ("bird", (7, 24), (80, 100), (127, 146)),
    ("salamander", (25, 29)), ("frog", (30, 32)), ("turtle", (33, 37)), ("lizard", (38, 48)),
    ("snake", (52, 68)), ("spider", (72, 77)), ("crab", (118, 121)), ("dog", (151, 268)),
    ("wolf", (269, 271)), ("fox", (277, 280)), ("cat", (281, 285)), ("bear", (294, 297)),
    ("beetle", (300, 307)), ("butterfly", (321, 326)), ("monkey", (369, 382)),
    ("elephant", (385, 386)), ("airplane", (404, 404), (895, 895)),
    ("boat", (472, 472), (484, 484), (554, 554), (625, 625), (814, 814), (871, 871)),
    ("car", (436, 436), (511, 511), (609, 609), (627, 627), (656, 656), (661, 661), (751, 751),
     (817, 817)),
    ("bus", (779, 779), (874, 874)), ("truck", (555, 555), (569, 569), (717, 717), (864, 864),
                                      (867, 867)),
    ("guitar", (402, 402), (546, 546)), ("bicycle", (444, 444), (671, 671)),
    ("clock", (409, 409), (530, 530), (892, 892)), ("house", (660, 660)),
    ("hat", (439, 439), (452, 452), (515, 515), (808, 808)), ("shoe", (514, 514), (630, 630),
                                                              (770, 770), (774, 774)),
    ("mushroom", (991, 997)), ("train", (466, 466), (547, 547), (820, 820)),
)
ANIMALS = {"fish", "shark", "bird", "salamander", "frog", "turtle", "lizard", "snake", "spider",
           "crab", "dog", "wolf", "fox", "cat", "bear", "beetle", "butterfly", "monkey",
           "elephant"}
# Classes this near to each other in the list (it goes by WordNet's order) may look alike.
FAR_APART = 60


def common_name(index: int) -> str | None:
    return next((name for name, *runs in COMMON_NAMES
                 if any(first <= index <= last for first, last in runs)), None)


def a(name: str) -> str:
    return article(name) + name


def object_conversations(root: Path, held_out: set[str], rng: random.Random
                         ) -> dict[str, list[tuple[str, Turns]]]:
    """Kind of conversation -> (image, turns), without the photos that are held out."""
    rows = read_table(root / "imagenet1k_sample/labels.tsv")
    names = [tidy_name(row["label"], row["wnid"]) for row in rows]
    names_of_all: list[tuple[str, Turns]] = []
    is_this: list[tuple[str, Turns]] = []
    for index, row in enumerate(rows):
        image = f"imagenet1k_sample/images/{row['image']}"
        if image in held_out:
            continue
        sentences = answers(names[index])
        questions = rng.sample(OBJECT_QUESTIONS, len(sentences))
        names_of_all += [(image, [turn]) for turn in zip(questions, sentences)]
        names_of_all += [(image, [turn]) for turn in common_turns(index, names[index], rng)]
        is_this += [(image, [turn]) for turn in is_this_turns(index, names, rng)]
    return {"object": names_of_all, "is_this": is_this}


def common_turns(index: int, name: str, rng: random.Random) -> Turns:
    """The everyday word, with the class beside it where that adds something."""
    common = common_name(index)
    if common is None:
        return []
    kind = "animal" if common in ANIMALS else "thing"
    more = f", {a(name)}" if common not in name.lower() else ""
    return [(pick(rng, f"What {kind} is this?", f"What {kind} do you see?",
                  f"What {kind} is in the {rng.choice(PHOTO_WORDS)}?"),
             pick(rng, f"It is {a(common)}{more}.", f"It is {a(common)}.",
                  f"This is {a(common)}."))]


def is_this_turns(index: int, names: list[str], rng: random.Random) -> Turns:
    """Yes and no, as often the one as the other."""
    far = [i for i in range(len(names)) if abs(i - index) > FAR_APART]
    other = rng.choice(far)
    mine, common = names[index], common_name(index)
    named = common if common and rng.random() < 0.5 else mine
    wrong = common_name(other) if common_name(other) not in (None, common) else names[other]
    turns = []
    for asked, is_right in ((named, True), (wrong, False)):
        this = "Are these" if asked in PLURAL else "Is this"
        question = pick(rng, f"{this} {a(asked)}?", f"{this} {a(asked)}?",
                        f"Is {a(asked)} in the {rng.choice(PHOTO_WORDS)}?" if asked not in PLURAL
                        else f"{this} {a(asked)}?")
        they, verb = ("these", "are") if mine in PLURAL else ("this", "is")
        if is_right:
            turns.append((question, pick(rng, f"Yes, {they} {verb} {a(named)}.", "Yes.",
                                         f"Yes, {a(named)}.")))
        else:
            it = "they are" if mine in PLURAL else "it is"
            turns.append((question, pick(rng, f"No, {it} {a(mine)}.", f"No, {it} {a(mine)}.",
                                         f"No, {they} {verb} {a(mine)}.", "No.")))
    return turns
