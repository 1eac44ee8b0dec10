"""ImageNet class labels as a speaker would say them: tidy names and the right article."""

# Labels that name something else in plain English, or that are cut short in the list.
TIDY = {
    "admiral": "admiral butterfly", "Airedale": "Airedale terrier", "alp": "mountain",
    "amphibian": "amphibious vehicle", "Angora": "Angora rabbit", "ashcan": "trash can",
    "ballplayer": "baseball player", "ballpoint": "ballpoint pen", "Band Aid": "Band-Aid",
    "barrow": "wheelbarrow", "basset": "basset hound", "bathing cap": "swimming cap",
    "beach wagon": "station wagon", "Boston bull": "Boston terrier", "boxer": "boxer dog",
    "brass": "brass plaque", "brassiere": "bra", "bluetick": "bluetick coonhound",
    "cab": "taxi", "cairn": "cairn terrier", "caldron": "cauldron",
    "capuchin": "capuchin monkey", "Cardigan": "Cardigan Welsh corgi",
    "cellular telephone": "cell phone", "chainlink fence": "chain-link fence",
    "chest": "wooden chest", "chow": "chow chow", "clumber": "clumber spaniel",
    "cock": "rooster", "colobus": "colobus monkey", "dalmatian": "Dalmatian",
    "Dandie Dinmont": "Dandie Dinmont terrier", "diamondback": "diamondback rattlesnake",
    "ear": "ear of corn", "EntleBucher": "Entlebucher mountain dog",
    "Appenzeller": "Appenzeller mountain dog", "file": "filing cabinet",
    "French loaf": "loaf of French bread", "gasmask": "gas mask", "golfcart": "golf cart",
    "Granny Smith": "Granny Smith apple", "groom": "bridegroom", "hand blower": "hair dryer",
    "hard disc": "hard disk", "head cabbage": "head of cabbage",
    "hen-of-the-woods": "hen-of-the-woods mushroom", "hip": "rose hip", "hotdog": "hot dog",
    "ice bear": "polar bear", "ice lolly": "popsicle", "iron": "clothes iron", "jean": "jeans",
    "kelpie": "kelpie dog", "leatherback turtle": "leatherback sea turtle",
    "lesser panda": "red panda", "Lhasa": "Lhasa apso", "liner": "ocean liner",
    "Loafer": "loafer", "loggerhead": "loggerhead turtle", "loudspeaker": "speaker",
    "Madagascar cat": "ring-tailed lemur", "maillot": "swimsuit",
    "Mexican hairless": "Mexican hairless dog", "monarch": "monarch butterfly",
    "monitor": "computer monitor", "mouse": "computer mouse",
    "Newfoundland": "Newfoundland dog", "notebook": "notebook computer",
    "organ": "pipe organ", "pajama": "pajamas", "patas": "patas monkey",
    "pay-phone": "pay phone", "Pembroke": "Pembroke Welsh corgi", "pick": "guitar pick",
    "plane": "carpenter's plane", "plate": "plate of food", "pop bottle": "soda bottle",
    "pot": "flowerpot", "puffer": "puffer fish", "redbone": "redbone coonhound",
    "ringlet": "ringlet butterfly", "rule": "ruler", "sax": "saxophone",
    "screen": "computer screen", "Scotch terrier": "Scottish terrier", "slot": "slot machine",
    "sorrel": "sorrel horse", "streetcar": "streetcar", "studio couch": "sofa bed",
    "sulphur butterfly": "sulphur butterfly", "sunglass": "sunglasses",
    "switch": "light switch", "tabby": "tabby cat", "titi": "titi monkey",
    "torch": "torch", "tusker": "tusked elephant", "typewriter keyboard": "typewriter keyboard",
    "upright": "upright piano", "vacuum": "vacuum cleaner", "walking stick": "stick insect",
    "washer": "washing machine", "web site": "web page", "wing": "airplane wing",
}

# Two classes of the list share the label "crane".
TIDY_BY_WNID = {"n03126707": "construction crane"}

PLURAL = {"binoculars", "jeans", "pajamas", "parallel bars", "sunglasses", "swimming trunks"}

MASS = {
    "broccoli", "carbonara", "chain mail", "chocolate sauce", "confectionery", "consomme", "corn",
    "dough", "eggnog", "espresso", "face powder", "guacamole", "hair spray", "hay", "ice cream",
    "lotion", "mashed potato", "perfume", "rapeseed", "red wine", "sunscreen", "thatch",
    "toilet tissue", "velvet", "wool",
}

# Said with a consonant although written with a vowel, and the other way about.
_CONSONANT_SOUND = ("uni", "euro")
_VOWEL_SOUND = ("hour", "x-ray")


def tidy_name(label: str, wnid: str) -> str:
    """The name to say for a class; `label` is the list's own, `wnid` its WordNet id."""
    return TIDY_BY_WNID.get(wnid, TIDY.get(label, label))


def article(name: str) -> str:
    """'a ', 'an ' or '' (plurals and things that are not counted)."""
    if name in PLURAL or name in MASS:
        return ""
    low = name.lower()
    if low.startswith(_VOWEL_SOUND):
        return "an "
    vowel = low[0] in "aeiou" and not low.startswith(_CONSONANT_SOUND)
    return "an " if vowel else "a "


def answers(name: str) -> list[str]:
    """Three short sentences that name the thing."""
    thing = article(name) + name
    first = thing[0].upper() + thing[1:] if not thing.startswith("iPod") else thing
    this, it = ("These are", "They are") if name in PLURAL else ("This is", "It is")
    return [f"{first}.", f"{this} {thing}.", f"{it} {thing}."]
