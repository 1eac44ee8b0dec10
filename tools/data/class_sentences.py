"""The classes of all label sets in plain words: one name for what is the same, and sentences.

Used by the lists of pairs (a text tower learns sentences, not only names) and by the conversations
(answers). A class's name says what happens: "dog barking", "waving the right hand".
"""
from dataclasses import dataclass

SOUND_TEMPLATES = ("{}", "the sound of {}", "a recording of {}")
ACTION_TEMPLATES = ("a person {}", "someone is {}", "a person who is {}")
THERMAL_TEMPLATES = ("{}", "a thermal image of {}", "{} seen from above in infrared",
                     "an infrared photo of {}")
PHOTO_TEMPLATES = ("a photo of {}.", "{}", "a picture of {}.")


@dataclass(frozen=True)
class Sound:
    thing: str               # "a dog"
    doing: str               # "barking"
    does: str                # "barks"
    more: tuple[str, ...]    # other ways to say it
    is_plural: bool = False

    def sentences(self) -> list[str]:
        """What the sound may be called, in lower case and without a full stop."""
        heard = self.heard()
        return [heard, f"the sound of {heard}", f"{self.thing} {self.does}",
                f"{self.thing} {self.verb()} {self.doing}", f"one can hear {heard}", *self.more]

    def heard(self) -> str:
        """As in "a dog barking"."""
        return f"{self.thing} {self.doing}"

    def is_named(self, text: str) -> bool:
        """Whether the text has the word for what makes the sound."""
        return self.thing.split()[-1] in text.lower()

    def verb(self) -> str:
        return "are" if self.is_plural else "is"


SOUNDS = {
    "dog barking": Sound("a dog", "barking", "barks", ("a barking dog", "a dog's bark")),
    "rooster crowing": Sound("a rooster", "crowing", "crows",
                             ("a cock crowing in the morning", "the crow of a rooster")),
    "rain": Sound("rain", "falling", "falls", ("it is raining", "the patter of rain")),
    "sea waves": Sound("waves", "breaking on the shore", "break on the shore",
                       ("sea waves", "the surf of the ocean"), True),
    "crackling fire": Sound("a fire", "crackling", "crackles",
                            ("a crackling fire", "wood burning in a fire")),
    "crying baby": Sound("a baby", "crying", "cries", ("a crying baby", "an infant's cry")),
    "sneezing": Sound("a person", "sneezing", "sneezes", ("a sneeze", "someone sneezes")),
    "clock ticking": Sound("a clock", "ticking", "ticks",
                           ("a ticking clock", "the tick of a clock")),
    "helicopter": Sound("a helicopter", "flying overhead", "flies overhead",
                        ("the rotor of a helicopter", "a helicopter in the air")),
    "chainsaw": Sound("a chainsaw", "cutting wood", "cuts wood",
                      ("a chainsaw running", "the motor of a chainsaw")),
    "air conditioner": Sound("an air conditioner", "humming", "hums",
                             ("the hum of an air conditioner", "a fan blowing air")),
    "car horn": Sound("a car horn", "honking", "honks",
                      ("a car honking its horn", "the horn of a car")),
    "children playing": Sound("children", "playing", "play",
                              ("kids playing outside", "the voices of playing children"), True),
    "drilling": Sound("a drill", "drilling", "drills",
                      ("drilling into a wall", "the noise of a power drill")),
    "engine idling": Sound("an engine", "idling", "idles",
                           ("the idling engine of a car", "a motor running idle")),
    "gun shot": Sound("a gun", "being fired", "is fired",
                      ("a gun shot", "a shot from a gun", "gunfire")),
    "jackhammer": Sound("a jackhammer", "breaking concrete", "breaks concrete",
                        ("a jackhammer on a building site", "the hammering of a jackhammer")),
    "siren": Sound("a siren", "wailing", "wails",
                   ("the siren of an ambulance or police car", "an emergency siren")),
    "street music": Sound("music", "playing in the street", "plays in the street",
                          ("street music", "musicians playing in the street")),
    "bird singing": Sound("a bird", "singing", "sings", ("birdsong", "the chirping of a bird")),
    "cat meowing": Sound("a cat", "meowing", "meows", ("a meowing cat", "a cat's meow")),
    "cow mooing": Sound("a cow", "mooing", "moos", ("a mooing cow", "a cow's moo")),
    "lion roaring": Sound("a lion", "roaring", "roars", ("a roaring lion", "a lion's roar")),
    "sheep bleating": Sound("a sheep", "bleating", "bleats",
                            ("a bleating sheep", "the bleat of a sheep")),
    "frog croaking": Sound("a frog", "croaking", "croaks",
                           ("a croaking frog", "the croak of a frog")),
    "chicken clucking": Sound("a chicken", "clucking", "clucks",
                              ("a clucking hen", "the cluck of a chicken")),
    "donkey braying": Sound("a donkey", "braying", "brays",
                            ("a braying donkey", "a donkey's bray")),
    "monkey calling": Sound("a monkey", "calling", "calls",
                            ("a screeching monkey", "the call of a monkey")),
}

# The label of each set -> the class. A label that stands in two sets means the same in both.
SOUND_OF_LABEL = {
    "dog bark": "dog barking", "dog": "dog barking", "rooster": "rooster crowing", "rain": "rain",
    "sea waves": "sea waves", "fire crackling": "crackling fire", "baby cry": "crying baby",
    "person sneeze": "sneezing", "clock tick": "clock ticking", "helicopter": "helicopter",
    "chainsaw": "chainsaw", "air conditioner": "air conditioner", "car horn": "car horn",
    "children playing": "children playing", "drilling": "drilling",
    "engine idling": "engine idling", "gun shot": "gun shot", "jackhammer": "jackhammer",
    "siren": "siren", "street music": "street music", "bird": "bird singing",
    "cat": "cat meowing", "cow": "cow mooing", "lion": "lion roaring", "sheep": "sheep bleating",
    "frog": "frog croaking", "chicken": "chicken clucking", "donkey": "donkey braying",
    "monkey": "monkey calling",
}


@dataclass(frozen=True)
class Action:
    does: str                # "waves the right hand"
    more: tuple[str, ...]    # other words for the name: "waving hello"


# What a person does; the name completes "a person ..".
ACTIONS = {
    "swiping to the left with the right arm": Action(
        "swipes to the left with the right arm",
        ("swiping left", "moving the right arm to the left")),
    "swiping to the right with the right arm": Action(
        "swipes to the right with the right arm",
        ("swiping right", "moving the right arm to the right")),
    "waving the right hand": Action(
        "waves the right hand", ("waving hello", "waving with the right hand")),
    "clapping the hands": Action(
        "claps the hands", ("clapping both hands in front of the body", "applauding")),
    "throwing with the right arm": Action(
        "throws something with the right arm", ("throwing a ball", "throwing something")),
    "crossing the arms in front of the chest": Action(
        "crosses the arms in front of the chest", ("crossing both arms", "folding the arms")),
    "shooting a basketball": Action(
        "shoots a basketball", ("throwing a basketball at the hoop", "playing basketball")),
    "drawing a cross in the air": Action(
        "draws a cross in the air", ("drawing the letter x in the air", "drawing an x")),
    "drawing a circle clockwise": Action(
        "draws a circle clockwise",
        ("drawing a clockwise circle in the air", "moving the hand in a clockwise circle")),
    "drawing a circle counterclockwise": Action(
        "draws a circle counterclockwise",
        ("drawing a counterclockwise circle in the air",
         "moving the hand in a counterclockwise circle")),
    "drawing a triangle": Action(
        "draws a triangle",
        ("drawing a triangle in the air", "moving the hand along a triangle")),
    "bowling": Action("bowls", ("rolling a bowling ball", "bowling with the right hand")),
    "boxing": Action("boxes", ("punching with both fists", "boxing to the front")),
    "swinging a baseball bat": Action(
        "swings a baseball bat", ("batting", "hitting a baseball with a bat")),
    "swinging a tennis racket": Action(
        "swings a tennis racket", ("playing a tennis forehand", "hitting a forehand in tennis")),
    "curling the arm": Action(
        "curls the arm", ("curling both arms", "doing arm curls", "lifting a weight")),
    "serving in tennis": Action(
        "serves in tennis", ("playing a tennis serve", "serving a tennis ball")),
    "pushing with both hands": Action(
        "pushes with both hands", ("pushing something away", "pushing forward with two hands")),
    "knocking on a door": Action(
        "knocks on a door", ("knocking", "knocking on a door with the right hand")),
    "catching something with the hand": Action(
        "catches something with the hand", ("catching a ball", "catching with one hand")),
    "picking something up and throwing it": Action(
        "picks something up and throws it",
        ("picking up and throwing something", "bending down, picking up a thing and throwing it")),
    "jogging": Action("jogs", ("running slowly", "jogging in place")),
    "walking": Action("walks", ("going on foot", "taking steps")),
    "standing up": Action("stands up", ("getting up from a chair", "rising from a seat")),
    "sitting down": Action("sits down", ("sitting down on a chair", "taking a seat")),
    "doing a lunge": Action(
        "does a lunge", ("lunging forward", "stepping forward into a lunge")),
    "squatting": Action("squats", ("doing a squat", "bending the knees in a squat")),
    "sitting still": Action("sits still", ("sitting on a chair", "staying seated")),
    "turning around": Action("turns around", ("turning while walking", "making a turn")),
}

ACTION_OF_LABEL = {
    "right arm swipe to the left": "swiping to the left with the right arm",
    "right arm swipe to the right": "swiping to the right with the right arm",
    "right hand wave": "waving the right hand", "two hand front clap": "clapping the hands",
    "right arm throw": "throwing with the right arm",
    "cross arms in the chest": "crossing the arms in front of the chest",
    "basketball shooting": "shooting a basketball", "draw x": "drawing a cross in the air",
    "draw circle clockwise": "drawing a circle clockwise",
    "draw circle counter clockwise": "drawing a circle counterclockwise",
    "draw triangle": "drawing a triangle", "bowling": "bowling", "front boxing": "boxing",
    "baseball swing": "swinging a baseball bat",
    "tennis forehand swing": "swinging a tennis racket", "arm curl": "curling the arm",
    "tennis serve": "serving in tennis", "two hand push": "pushing with both hands",
    "knock on door": "knocking on a door", "hand catch": "catching something with the hand",
    "pick up and throw": "picking something up and throwing it", "jogging": "jogging",
    "walking": "walking", "sit to stand": "standing up", "stand to sit": "sitting down",
    "forward lunge": "doing a lunge", "squat": "squatting", "seated": "sitting still",
    "standing up": "standing up", "turning": "turning around", "sitting down": "sitting down",
}

# Thermal crops, taken from the air: label -> the class with its article, other words.
THERMAL_OF_LABEL = {"person": "a person", "car": "a car", "bicycle": "a bicycle",
                    "other vehicle": "a truck or bus"}
THERMAL_MORE = {
    "a person": ("someone on foot", "a warm human body", "a pedestrian"),
    "a car": ("an automobile", "a parked or driving car", "a small vehicle"),
    "a bicycle": ("a bike", "a cyclist or a parked bike", "a two-wheeler"),
    "a truck or bus": ("a large vehicle", "another vehicle than a car", "a lorry, bus or van"),
}


def filled(templates: tuple[str, ...], name: str) -> list[str]:
    return [template.format(name) for template in templates]


def sound_sentences(name: str) -> list[str]:
    return list(dict.fromkeys(filled(SOUND_TEMPLATES, name) + SOUNDS[name].sentences()))


def action_sentences(name: str) -> list[str]:
    action = ACTIONS[name]
    return [*filled(ACTION_TEMPLATES, name), f"a person {action.does}",
            *(f"a person {words}" for words in action.more), name]


def thermal_sentences(name: str) -> list[str]:
    return filled(THERMAL_TEMPLATES, name) + list(THERMAL_MORE[name])
