"""Word lists for caption_rules.py, taken from the captions of Flickr8k's training split."""


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


NUMBERS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
           "nine": 9, "ten": 10, "2": 2, "3": 3, "4": 4, "5": 5}

# Word -> the name that is said.
COLOURS = {"white": "white", "black": "black", "brown": "brown", "red": "red", "blue": "blue",
           "green": "green", "yellow": "yellow", "orange": "orange", "pink": "pink",
           "purple": "purple", "tan": "tan", "grey": "grey", "gray": "grey", "golden": "golden",
           "beige": "beige", "silver": "silver", "gold": "gold", "maroon": "dark red",
           "turquoise": "turquoise"}

# Different people call one coat by each of these.
NEAR_COLOURS = (_set("brown tan golden beige yellow"), _set("red orange"), _set("red pink"),
                _set("blue turquoise"), _set("grey silver"), _set("yellow gold"),
                frozenset({"red", "dark red"}), _set("pink purple"), _set("white beige"))

# Parts of an animal that may have another colour than the rest.
MARKINGS = _set("spots spot markings marking ears ear paws paw patches patch face legs leg chest "
                "tail feet head fur hair belly stripes mane snout nose neck back underbelly coat")

# What may stand between a determiner and its noun.
ADJECTIVES = _set(
    "young little small large big old older elderly tall short long fat thin skinny lean chubby "
    "blond blonde brunette redheaded red-headed bald bearded shirtless topless naked barefoot "
    "asian african african-american american indian japanese chinese eastern oriental male female "
    "teenage teenaged adult smiling laughing happy wet dry muddy dirty furry fluffy shaggy hairy "
    "curly dark light pale bright brightly colored coloured light-colored multicolored colorful "
    "striped plaid checkered spotted speckled mottled tri-colored muzzled leashed collared masked "
    "helmeted uniformed lone single medium sized medium-sized middle-aged aged huge tiny giant "
    "beautiful cute pretty attractive handsome muscular athletic playful excited professional "
    "homeless similar identical different other haired brown-haired dark-haired blond-haired "
    "blonde-haired red-haired black-haired long-haired short-haired curly-haired dark-skinned "
    "skinned sleeveless long-sleeved short-sleeved hooded plastic rubber wooden metal inflatable "
    "toy stuffed leather denim knit winter soccer tennis beach golf rugby baseball basketball "
    "football hockey german golden border boston miniature wild new shiny empty full grassy snowy "
    "sandy rocky shallow deep frozen busy crowded city public dusty open green snow-covered "
    "grass-covered swimming swim bathing sports race racing police mountain jumping fenced very "
    "smaller larger younger unusual strange teen pregnant tattooed dressed sleeping barking "
    "running")

# Things beside animals whose colour can be asked after: (singular, plural).
OBJECTS_WITH_COLOUR = {
    "ball": (_set("ball"), _set("balls")), "frisbee": (_set("frisbee"), _set("frisbees")),
    "car": (_set("car"), _set("cars")), "bike": (_set("bike bicycle"), _set("bikes bicycles")),
    "surfboard": (_set("surfboard"), _set("surfboards")),
    "kayak": (_set("kayak"), _set("kayaks")), "canoe": (_set("canoe"), _set("canoes")),
    "boat": (_set("boat sailboat"), _set("boats sailboats")),
    "raft": (_set("raft"), _set("rafts")), "slide": (_set("slide"), _set("slides")),
    "umbrella": (_set("umbrella"), _set("umbrellas")), "truck": (_set("truck"), _set("trucks")),
    "bus": (_set("bus"), _set("buses")), "train": (_set("train"), _set("trains")),
    "motorcycle": (_set("motorcycle motorbike"), _set("motorcycles motorbikes")),
    "couch": (_set("couch sofa"), _set("couches")), "tent": (_set("tent"), _set("tents")),
    "balloon": (_set("balloon"), _set("balloons")), "kite": (_set("kite"), _set("kites")),
    "collar": (_set("collar"), _set("collars")), "leash": (_set("leash"), _set("leashes")),
    "rope": (_set("rope"), _set("ropes")), "sled": (_set("sled"), _set("sleds")),
    "scooter": (_set("scooter"), _set("scooters")), "swing": (_set("swing"), _set("swings")),
    "bench": (_set("bench"), _set("benches")), "flag": (_set("flag"), _set("flags")),
}
BODY_COLOURED = ("dog", "cat", "horse", "bird", "cow")
GARMENTS = {
    "shirt": (_set("shirt t-shirt tshirt"), _set("shirts t-shirts")),
    "jacket": (_set("jacket"), _set("jackets")), "hat": (_set("hat"), _set("hats")),
    "dress": (_set("dress"), _set("dresses")), "coat": (_set("coat"), _set("coats")),
    "helmet": (_set("helmet"), _set("helmets")), "sweater": (_set("sweater"), _set("sweaters")),
    "cap": (_set("cap"), _set("caps")), "uniform": (_set("uniform"), _set("uniforms")),
    "jersey": (_set("jersey"), _set("jerseys")), "skirt": (_set("skirt"), _set("skirts")),
    "vest": (_set("vest"), _set("vests")), "backpack": (_set("backpack"), _set("backpacks")),
    "scarf": (_set("scarf"), _set("scarves")), "hoodie": (_set("hoodie"), _set("hoodies")),
    "wetsuit": (_set("wetsuit"), _set("wetsuits")),
    "swimsuit": (_set("swimsuit"), _set("swimsuits")),
    "sweatshirt": (_set("sweatshirt"), _set("sweatshirts")),
    "shorts": (_set("shorts"), _set("")), "pants": (_set("pants trousers"), _set("")),
    "jeans": (_set("jeans"), _set("")),
}
PLURAL_NOUNS = _set("shorts pants jeans")

PLURAL_PEOPLE = {
    # that many people can't be counted from a caption
    "uncounted": _set("crowd crowds group groups team teams audience spectators onlookers others "
                      "several many family families bunch parade fans band class row line lot "
                      "people's pedestrians passengers tourists soldiers firefighters few some "
                      "various numerous troupe opponents teammates crew huddle"),
    # more than one
    "several": _set("couple couples pair pairs friends another together players riders surfers "
                    "each other adults workers dancers performers musicians twins brothers sisters "
                    "siblings parents members officers both they them their skateboarders "
                    "bicyclists bikers hikers climbers skiers snowboarders runners two three four "
                    "opponent teammate owner mother father"),
    # say nothing about number
    "harmless": _set("face hand hands arm leg legs costume one two three four five six "
                     "construction police who them they their individual individuals team"),
}

# Gerund -> forms of the verb that may stand for it behind a subject.
GERUNDS = {gerund: _set(forms) for gerund, forms in {
    "running": "runs run", "jumping": "jumps jump", "playing": "plays play",
    "standing": "stands stand", "sitting": "sits sit", "walking": "walks walk",
    "holding": "holds hold", "riding": "rides ride", "leaping": "leaps leap",
    "climbing": "climbs climb", "carrying": "carries carry", "catching": "catches catch",
    "chasing": "chases chase", "taking": "takes take", "swimming": "swims swim",
    "performing": "performs perform", "swinging": "swings swing", "making": "makes make",
    "flying": "flies fly", "posing": "poses pose", "smiling": "smiles smile",
    "splashing": "splashes splash", "sliding": "slides slide", "racing": "races race",
    "lying": "lies lie", "laying": "lays lay", "fighting": "fights fight",
    "wrestling": "wrestles wrestle", "watching": "watches watch", "hanging": "hangs hang",
    "skateboarding": "skateboards", "pushing": "pushes push", "drinking": "drinks drink",
    "shaking": "shakes shake", "skiing": "skis", "pulling": "pulls pull", "eating": "eats eat",
    "throwing": "throws throw", "leaning": "leans lean", "dancing": "dances dance",
    "surfing": "surfs surf", "kicking": "kicks kick", "enjoying": "enjoys enjoy",
    "biting": "bites bite", "hitting": "hits hit", "waiting": "waits wait",
    "chewing": "chews chew", "reading": "reads read", "driving": "drives drive",
    "rolling": "rolls roll", "falling": "falls fall", "talking": "talks talk",
    "grinding": "grinds grind", "kneeling": "kneels kneel", "licking": "licks lick",
    "snowboarding": "snowboards snowboard", "blowing": "blows blow",
    "dribbling": "dribbles dribble", "kayaking": "kayaks", "giving": "gives give",
    "laughing": "laughs laugh", "hugging": "hugs hug", "hiking": "hikes hike",
    "retrieving": "retrieves retrieve", "crossing": "crosses cross", "helping": "helps help",
    "putting": "puts put", "sniffing": "sniffs sniff", "balancing": "balances balance",
    "raising": "raises raise", "fetching": "fetches fetch", "digging": "digs dig",
    "resting": "rests rest", "paddling": "paddles paddle", "wading": "wades wade",
    "touching": "touches touch", "reaching": "reaches reach", "diving": "dives dive",
    "sleeping": "sleeps sleep", "pointing": "points point", "crawling": "crawls crawl",
    "practicing": "practices practice", "smoking": "smokes smoke", "following": "follows follow",
    "kissing": "kisses kiss", "waving": "waves wave", "barking": "barks bark",
    "staring": "stares stare", "using": "uses use", "singing": "sings sing",
    "fishing": "fishes fish", "jogging": "jogs jog", "skating": "skates skate",
    "sprinting": "sprints sprint", "bounding": "bounds bound", "crouching": "crouches crouch",
    "painting": "paints paint", "relaxing": "relaxes relax", "juggling": "juggles juggle",
    "sledding": "sleds sled", "rowing": "rows row", "trotting": "trots trot",
    "biking": "bikes", "working": "works work", "cooking": "cooks cook", "bowling": "bowls bowl",
    "spinning": "spins spin", "tossing": "tosses toss", "emerging": "emerges emerge",
    "rollerblading": "rollerblades", "shopping": "shops shop", "lifting": "lifts lift",
    "cleaning": "cleans clean", "washing": "washes wash", "petting": "pets pet",
    "sticking": "sticks stick", "tackling": "tackles tackle", "batting": "bats bat",
    "competing": "competes compete", "doing": "does do", "going": "goes go",
    "getting": "gets get", "trying": "tries try", "attempting": "attempts attempt",
    "preparing": "prepares prepare", "floating": "floats float", "shooting": "shoots shoot",
    "bouncing": "bounces bounce", "cutting": "cuts cut", "feeding": "feeds feed",
    "gathering": "gathers gather", "sweeping": "sweeps sweep", "writing": "writes write",
    "drawing": "draws draw", "picking": "picks pick", "waterskiing": "waterskis",
    "wakeboarding": "wakeboards", "tugging": "tugs tug", "turning": "turns turn",
    "moving": "moves move", "marching": "marches march", "cheering": "cheers cheer",
    "yawning": "yawns yawn", "crying": "cries cry", "screaming": "screams scream",
    "skipping": "skips skip", "hopping": "hops hop", "bending": "bends bend",
    "selling": "sells sell", "speaking": "speaks speak", "showing": "shows show",
    "looking": "looks look", "wearing": "wears wear", "being": "is", "having": "has have",
}.items()}


# Verbs that tell an action without anything behind them.
ALONE = _set("swimming running jumping laughing smiling sleeping dancing skateboarding surfing "
             "skiing racing fighting hugging playing wrestling barking crying singing posing "
             "snowboarding walking kissing climbing skating fishing swinging")


def _place(prepositions: str, nouns: str) -> tuple[frozenset[str], frozenset[str]]:
    return _set(prepositions), _set(nouns)


# How a place is said -> the prepositions that put somebody there, and its nouns.
PLACES = {
    "in the snow": _place("in into through across on along", "snow"),
    "in the water": _place("in into through across", "water"),
    "on the grass": _place("in on through across along", "grass lawn"),
    "in a field": _place("in into through across on", "field meadow pasture"),
    "on the beach": _place("on at along across down", "beach"),
    "on the sand": _place("in on through across", "sand"),
    "on the street": _place("on in down along across", "street road"),
    "on the sidewalk": _place("on down along", "sidewalk pavement"),
    "in a pool": _place("in into through", "pool"),
    "in a park": _place("in at through", "park"),
    "in the woods": _place("in through", "woods forest"),
    "in the ocean": _place("in into through", "ocean sea"),
    "in a lake": _place("in into", "lake pond"),
    "in a river": _place("in into through", "river stream creek"),
    "in a yard": _place("in through across", "yard backyard"),
    "on a trail": _place("on along down", "trail path"),
    "on a track": _place("on around down", "track racetrack"),
    "on a bench": _place("on", "bench"),
    "on a bed": _place("on in", "bed"),
    "on a couch": _place("on", "couch sofa"),
    "on a mountain": _place("on down up", "mountain mountains mountainside"),
    "on a trampoline": _place("on", "trampoline"),
    "on a swing": _place("on in", "swing"),
    "on a slide": _place("on down", "slide"),
    "in a kitchen": _place("in", "kitchen"),
    "on a stage": _place("on", "stage"),
    "in a gym": _place("in", "gym gymnasium"),
    "in a restaurant": _place("in at", "restaurant cafe"),
    "at a playground": _place("at on in", "playground"),
    "on a court": _place("on", "court"),
    "in the desert": _place("in through", "desert"),
    "on a bridge": _place("on across", "bridge"),
}
