"""The things that captions of everyday photos speak of, and which words may stand for them.

A caption says "puppy", a question "dog": a Thing lists the words that surely mean it, in the
singular and in the plural, and those that may mean it. Only where none of either is in any caption
of a photo may one say that the thing is not there.
"""
import re
from dataclasses import dataclass

_WORD = re.compile(r"[a-z]+(?:'s)?(?:-[a-z]+)*")


@dataclass(frozen=True)
class Thing:
    name: str
    kind: str                          # person, animal, vehicle, object, place
    one: frozenset[str]                # words for one of it
    many: frozenset[str]               # words for several of it
    perhaps: frozenset[str]            # words that may mean it, or hint at it
    is_noticed: bool                   # captioners hardly leave it out
    is_mass: bool = False              # "snow", not "a snow"

    def words(self) -> frozenset[str]:
        return self.one | self.many


def _thing(name: str, kind: str, one: str, many: str, perhaps: str = "", *,
           is_noticed: bool = True, is_mass: bool = False) -> Thing:
    return Thing(name, kind, *(frozenset(words.split()) for words in (one, many, perhaps)),
                 is_noticed, is_mass)


# People of whom the word doesn't say whether man, woman, boy or girl.
SOMEBODY = ("person people someone somebody anyone adult adults child children kid kids toddler "
            "toddlers baby babies infant infants couple couples crowd crowds group groups team "
            "teams family families friend friends player players rider riders surfer surfers "
            "skateboarder skateboarders skater skaters skier skiers snowboarder snowboarders biker "
            "bikers bicyclist bicyclists cyclist cyclists motorcyclist motorcyclists racer racers "
            "runner runners hiker hikers climber climbers swimmer swimmers diver divers dancer "
            "dancers performer performers musician musicians artist artists worker workers "
            "construction officer officers police policeman firefighter soldier soldiers student "
            "students teenager teenagers teen teens youth youths youngster youngsters tourist "
            "tourists pedestrian pedestrians spectator spectators onlooker onlookers audience fan "
            "fans goalie catcher batter pitcher referee driver drivers jockey jockeys clown clowns "
            "photographer photographers singer vendor owner owners figure figures human humans "
            "parent parents sibling siblings twin twins tackle tackler athlete athletes gymnast "
            "wrestler wrestlers boxer boxers kayaker kayakers rower rowers paddler paddlers "
            "rollerblader wakeboarder waterskier fisherman santa superhero costume individual "
            "individuals two three four five six several many others other another one ones face "
            "hand hands arm leg legs somebody's person's child's kid's band troupe member members "
            "shopper shoppers patron patrons customer customers barber cheerleader cheerleaders "
            "they them their who")
MALE_ADULT = ("man men guy guys gentleman gentlemen fellow dude cowboy cowboys father dad "
              "grandfather husband groom policeman fireman businessman fisherman sportsman waiter "
              "workman salesman son male males his he him man's")
FEMALE_ADULT = ("woman women lady ladies mother mom grandmother wife bride bridesmaid bridesmaids "
                "waitress businesswoman female females her she woman's lady's")
MALE_CHILD = "boy boys son brother brothers male males his he him boy's"
FEMALE_CHILD = ("girl girls daughter sister sisters female females schoolgirl schoolgirls her she "
                "girl's")

THINGS = {thing.name: thing for thing in (
    _thing("man", "person", "man guy gentleman", "men guys gentlemen",
           f"{MALE_ADULT} {MALE_CHILD} {SOMEBODY}"),
    _thing("woman", "person", "woman lady", "women ladies",
           f"{FEMALE_ADULT} {FEMALE_CHILD} {SOMEBODY}"),
    _thing("boy", "person", "boy", "boys", f"{MALE_CHILD} {MALE_ADULT} {SOMEBODY}"),
    _thing("girl", "person", "girl", "girls", f"{FEMALE_CHILD} {FEMALE_ADULT} {SOMEBODY}"),
    _thing("baby", "person", "baby infant", "babies infants",
           "toddler toddlers child children kid kids boy girl family person people newborn"),
    _thing("child", "person", "child kid toddler baby infant youngster",
           "children kids toddlers babies infants youngsters",
           f"{MALE_CHILD} {FEMALE_CHILD} {SOMEBODY}"),
    _thing("person", "person",
           "person man woman boy girl child kid toddler baby infant guy lady gentleman surfer "
           "skateboarder skier snowboarder cyclist bicyclist biker hiker climber swimmer runner "
           "motorcyclist player rider teenager somebody someone",
           "people men women boys girls children kids toddlers babies guys ladies gentlemen "
           "surfers skateboarders skiers snowboarders cyclists bicyclists bikers hikers climbers "
           "swimmers runners players riders teenagers crowd",
           f"{MALE_ADULT} {FEMALE_ADULT} {MALE_CHILD} {FEMALE_CHILD} {SOMEBODY}"),
    _thing("dog", "animal",
           "dog puppy pup poodle greyhound collie retriever labrador terrier dalmatian doberman "
           "dachshund beagle pug husky rottweiler chihuahua",
           "dogs puppies pups poodles greyhounds collies retrievers labradors terriers dalmatians "
           "dachshunds beagles pugs huskies",
           "animal animals canine canines hound hounds shepherd shepherds lab labs bulldog "
           "bulldogs spaniel mutt mastiff corgi setter boxer pet pets wolf fox bull pit dog's"),
    _thing("cat", "animal", "cat kitten", "cats kittens",
           "animal animals pet pets kitty feline tiger lion cat's"),
    _thing("horse", "animal", "horse pony", "horses ponies",
           "animal animals jockey jockeys rodeo bronco cowboy cowboys carriage horseback colt mare "
           "donkey mule bull polo stallion riding horse's rider riders"),
    _thing("bird", "animal",
           "bird pigeon duck goose swan seagull eagle parrot gull ostrich crane heron",
           "birds pigeons ducks geese swans seagulls eagles parrots gulls cranes",
           "animal animals owl falcon hawk crow chicken chickens rooster hen turkey flamingo "
           "flamingos pelican pelicans penguin penguins flock feathers wings beak bird's fowl "
           "peacock"),
    _thing("cow", "animal", "cow bull calf ox", "cows bulls calves oxen",
           "animal animals cattle buffalo steer longhorn pit bison rodeo herd"),
    _thing("sheep", "animal", "sheep lamb ram", "lambs", "animal animals goat goats herd flock"),
    _thing("monkey", "animal", "monkey gorilla chimpanzee", "monkeys", "animal ape orangutan"),
    _thing("elephant", "animal", "elephant", "elephants", "animal animals"),
    _thing("fish", "animal", "fish", "fishes",
           "animal fishing fisherman fishermen shark dolphin aquarium whale catch pole bass"),
    _thing("bicycle", "vehicle", "bicycle bike", "bicycles bikes",
           "cyclist cyclists bicyclist bicyclists biker bikers bmx biking cycling unicycle "
           "unicycles tricycle rider riders motorcycle motorbike motocross vehicle wheelie "
           "riding bicycling racer racers rides scooter"),
    _thing("motorcycle", "vehicle", "motorcycle motorbike", "motorcycles motorbikes",
           "bike bikes biker bikers motorcyclist motorcyclists motocross rider riders vehicle "
           "moped scooter dirtbike riding racer racers dirt wheelie rides race racing"),
    _thing("car", "vehicle", "car jeep convertible", "cars jeeps",
           "vehicle vehicles traffic taxi cab truck van automobile street road suv highway parking "
           "driving racing buggy sedan wheel driver city sidewalk garage atv"),
    _thing("bus", "vehicle", "bus", "buses", "vehicle vehicles traffic street city truck trolley"),
    _thing("truck", "vehicle", "truck", "trucks",
           "vehicle vehicles traffic jeep van car cars suv pickup tractor street road"),
    _thing("train", "vehicle", "train", "trains",
           "subway railroad rail tracks locomotive station trolley tram platform"),
    _thing("boat", "vehicle", "boat sailboat canoe kayak rowboat motorboat ship raft",
           "boats sailboats canoes kayaks ships rafts",
           "rafting kayaking kayaker rowing rower rowers canoeing paddle paddling paddles sail "
           "sailing vessel yacht marina harbor dock jet wakeboarder wakeboarding waterskiing "
           "waterskier tube"),
    _thing("airplane", "vehicle", "airplane plane helicopter jet", "airplanes planes jets",
           "aircraft airport ski flight glider"),
    _thing("skateboard", "object", "skateboard", "skateboards",
           "skateboarder skateboarders skateboarding skater skaters skating skate board boards "
           "scooter longboard ramp trick rail halfpipe"),
    _thing("surfboard", "object", "surfboard", "surfboards",
           "surfer surfers surfing board boards bodyboard boogie surf surfs wakeboard windsurfer "
           "windsurfing wave waves bodyboarder"),
    _thing("snowboard", "object", "snowboard", "snowboards",
           "snowboarder snowboarders snowboarding board snow ski skis skier"),
    _thing("ball", "object", "ball football basketball volleyball softball",
           "balls basketballs footballs",
           "baseball soccer tennis rugby hockey game player players toy toys catch frisbee "
           "lacrosse cricket golf bowling object goal goalie match sport sports racket racquet "
           "pool polo kick kicks throw pitch pitcher croquet ping billiards batter bat something"),
    _thing("frisbee", "object", "frisbee", "frisbees", "disc disk disks toy object something ring"),
    _thing("guitar", "object", "guitar", "guitars",
           "instrument instruments band musician musicians music bass banjo performer performing"),
    _thing("umbrella", "object", "umbrella parasol", "umbrellas parasols", "canopy shade beach"),
    _thing("trampoline", "object", "trampoline", "trampolines", "bouncing"),
    _thing("swing", "object", "swing swingset", "", "swings swinging playground"),
    _thing("slide", "object", "slide", "", "slides sliding playground waterslide"),
    _thing("balloon", "object", "balloon", "balloons", "inflatable party bubble bubbles"),
    _thing("kite", "object", "kite", "kites", "parachute parasailing kiteboarding glider"),
    _thing("bed", "object", "bed", "beds", "mattress bedroom blanket sleeping pillow laying lying"),
    _thing("fountain", "object", "fountain", "fountains", "water sprinkler spray jets pool"),
    _thing("tent", "object", "tent", "tents", "canopy camp camping campsite awning"),
    _thing("snow", "place", "snow", "",
           "snowy ski skis skier skiers skiing snowboard snowboarder snowboarding snowboarders "
           "sled sledding winter ice icy mountain mountains snowball snowman snowmobile white cold "
           "frozen snowsuit slope", is_mass=True),
    _thing("beach", "place", "beach", "beaches",
           "sand sandy shore ocean sea shoreline coast seashore surf waves wave water surfer "
           "surfers surfing"),
    _thing("grass", "place", "grass lawn", "",
           "grassy field yard park meadow backyard garden plants green soccer football baseball "
           "outside hill weeds woods pasture tree trees golf outdoors", is_noticed=False,
           is_mass=True),
    _thing("pool", "place", "pool", "pools", "swimming swim swims swimmer water tub float tube "
           "swimsuit diving dives bikini bathing splash splashing underwater"),
    _thing("mountain", "place", "mountain", "mountains",
           "hill hills hillside cliff rock rocks rocky peak slope landscape snow snowy "
           "mountainside mountaintop ski skier skiing climber climbing background valley ledge "
           "snowboarder "
           "boulder summit hiker hiking"),
)}


def words_of(caption: str) -> list[str]:
    """The caption's words in lower case; hyphens and possessive endings stay in."""
    return _WORD.findall(caption.lower())


def compounds_taken_out(words: list[str]) -> list[str]:
    """Without words that only describe the next one and don't name a thing."""
    kept = []
    for word, following in zip(words, [*words[1:], ""]):
        if (word, following) not in _COMPOUNDS:
            kept.append(word)
    return kept


# "dog toy" is no dog, a "train track" no train, "dirt bike" no bicycle for sure.
_COMPOUNDS = {
    *((animal, thing) for animal in ("dog", "cat", "horse", "bird", "cow", "monkey", "elephant",
                                     "duck", "baby", "fish", "bull", "eagle")
      for thing in ("toy", "toys", "mask", "costume", "costumes", "statue", "house", "collar",
                    "tank", "carriage", "bars", "stroller", "park", "sculpture", "kennel",
                    "racing", "race", "track", "pool", "bike", "show", "food", "suit", "sled",
                    "hat", "dog", "terrier", "mascot", "gear", "trainer", "walker", "owner")),
    *(("dirt", bike) for bike in ("bike", "bikes", "biker", "bikers")),
    ("train", "track"), ("train", "tracks"), ("train", "station"), ("train", "platform"),
    ("car", "seat"), ("car", "window"), ("car", "park"), ("bus", "stop"), ("bus", "station"),
    ("ball", "game"), ("ball", "field"), ("ball", "player"), ("ball", "cap"), ("ball", "pit"),
    ("basketball", "court"), ("basketball", "player"), ("basketball", "players"),
    ("basketball", "game"), ("basketball", "hoop"), ("basketball", "uniform"),
    ("basketball", "team"), ("basketball", "uniforms"), ("basketball", "jersey"),
    ("basketball", "net"), ("basketball", "goal"),
    ("football", "player"), ("football", "players"), ("football", "game"), ("football", "team"),
    ("football", "field"), ("football", "uniform"), ("football", "uniforms"),
    ("football", "helmet"), ("football", "stadium"), ("football", "match"), ("football", "coach"),
    ("football", "jersey"), ("football", "fan"), ("football", "fans"), ("football", "gear"),
    ("volleyball", "net"), ("volleyball", "game"), ("volleyball", "court"),
    ("volleyball", "player"), ("volleyball", "players"),
    ("softball", "player"), ("softball", "game"), ("softball", "field"),
    ("softball", "players"), ("softball", "team"), ("snow", "board"), ("snow", "boarder"),
    ("grass", "skirt"), ("grass", "skirts"), ("grass", "hut"), ("beach", "ball"),
    ("beach", "chair"), ("beach", "volleyball"), ("beach", "towel"), ("mountain", "bike"),
    ("mountain", "bikes"), ("mountain", "biker"), ("mountain", "bikers"), ("mountain", "climber"),
    ("mountain", "goat"), ("boat", "dock"), ("horse", "drawn"), ("truck", "tire"), ("fish", "net"),
    ("pool", "table"), ("pool", "cue"), ("hot", "dog"), ("plane", "seat"), ("bike", "rack"),
    ("bike", "helmet"), ("bike", "path"), ("bike", "trail"), ("bike", "race"), ("bike", "ramp"),
    ("bicycle", "helmet"), ("motorcycle", "helmet"), ("motorcycle", "rider"),
    ("motorcycle", "race"), ("bike", "rider"), ("bike", "riders"), ("motorcycle", "racer"),
    ("bicycle", "race"), ("bicycle", "rider"),
}


def names(caption: str, thing: Thing) -> bool:
    """Whether the caption surely names the thing."""
    return not thing.words().isdisjoint(compounds_taken_out(words_of(caption)))


def is_absent(captions: list[str], thing: Thing) -> bool:
    """Whether no caption has a word that means the thing or may mean it."""
    words = {word for caption in captions for part in words_of(caption)
             for word in (part, *part.split("-"))}
    return words.isdisjoint(thing.words() | thing.perhaps)
