#!/usr/bin/env python3
"""Makes tests/fixtures/text/bpe.json: texts and their tokens by ImageBind's SimpleTokenizer.

Needs imagebind-unofficial with what it imports (torch, ftfy, regex, ..). The vocabulary of 1.3 MB
stays out of the repository: the fixture holds those of its merges, in their order, that the texts
use. The script checks that the shorter list cuts the texts into the same pieces.

    python tools/reference/make_bpe_fixtures.py
    python tools/reference/make_bpe_fixtures.py --random 20000 --out /tmp/random.json

The second form writes the whole vocabulary and random texts, for a comparison by hand:

    PANDAGPT_BPE_FIXTURE=/tmp/random.json build/release/tests/bpe_test
"""

import argparse
import gzip
import html.entities
import importlib
import importlib.util
import json
import random
import sys
import tempfile
import types
import unicodedata
from pathlib import Path

import ftfy.bad_codecs  # noqa: F401  (registers the sloppy code pages)

# The package itself imports readers of sound and video, which the tokenizer does without.
PACKAGE = Path(importlib.util.find_spec("imagebind").origin).parent
sys.modules["imagebind"] = types.ModuleType("imagebind")
sys.modules["imagebind"].__path__ = [str(PACKAGE)]
reference = importlib.import_module("imagebind.models.multimodal_preprocessors")

FIXTURE = Path(__file__).resolve().parents[2] / "tests" / "fixtures" / "text" / "bpe.json"
VOCABULARY = PACKAGE / "bpe" / "bpe_simple_vocab_16e6.txt.gz"
PAGES = ["latin-1", "sloppy-windows-1252", "sloppy-windows-1251", "sloppy-windows-1250",
         "sloppy-windows-1253", "sloppy-windows-1254", "sloppy-windows-1257", "iso-8859-2",
         "macroman", "cp437"]

PLAIN = [
    "", " ", "a photo of a dog", "A photo of a cat.", "A dog.", "A car", "A bird",
    "The quick brown fox jumps over the lazy dog", "HELLO WORLD", "hello,world!", "don't", "DON'T",
    "it's we're they've I'm you'll he'd rock 'n' roll", "'s't're've'm'll'd", "''s", "o'clock",
    "3.14159", "2024-05-09", "1,000,000", "a1b2c3", "№5", "x² + y³ = z", "½ cup", "Ⅷ. Henry",
    "C++ and C#", "foo_bar-baz", "https://example.org/a?b=c&d=e#f", "user@example.org",
    "<b>bold</b>", "a<b & c>d", "100%", "$5.00", "---", "...", "?!?!", "(a) [b] {c}",
    "tabs\tand\nnewlines\r\nand\rreturns", "  leading and trailing  ", "many     spaces",
    "supercalifragilisticexpialidocious", "pneumonoultramicroscopicsilicovolcanoconiosis",
    "antidisestablishmentarianism", "qzxjkvbpwm", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "<|startoftext|>", "<|endoftext|>", "a <|endoftext|> b", "<|startoftext|>hello<|endoftext|>",
    "<|STARTOFTEXT|>", "<|\u017ftartoftext|>", "it'\u017f", "<|endoftext", "|>",
    "sound of thunder", "a red bus in London", "an x-ray of a knee", "two people playing chess",
    "#hashtag @mention", "lol :-) ;) :D <3 ¯\\_(ツ)_/¯", "\\n is not a newline", "\"quoted\"",
    "the the the the", "I", "a", ".", "0", "00", "007",
]
SCRIPTS = [
    "Ünïcödé", "naïve café résumé", "Straße", "STRASSE ẞ", "Ångström", "Łódź", "Þórr", "Ďábel",
    "İstanbul", "IĞDIR ığdır", "Ελληνικά", "ΟΔΟΣ ΣΟΦΙΑΣ", "Σ", "ΑΣ'Α ΑΣ", "ὈΔΥΣΣΕΎΣ", "Привет, мир",
    "ПРИВЕТ Ёлка", "Українська ґрунт", "שלום עולם", "שָׁלוֹם", "مرحبا بالعالم", "مُحَمَّد", "سلام دنیا",
    "नमस्ते दुनिया", "বাংলা", "தமிழ்", "తెలుగు", "ไทย", "ภาษาไทยไม่มีช่องว่าง", "ລາວ", "မြန်မာ", "ភាសាខ្មែរ", "አማርኛ",
    "ქართული", "ᲥᲐᲠᲗᲣᲚᲘ", "Հայերեն", "日本語のテキスト", "カタカナ ひらがな", "中文文本", "繁體中文", "한국어 텍스트",
    "한국어", "ᄒ\u1161\u11ab", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢", "𝟘𝟙𝟚", "𐐀𐐨", "ꙮ", "ℵ ℝ ℂ", "①②③", "Ⓐⓑ", "ǅ ǆ Ǆ", "ŉ", "ﬀﬁﬂﬃﬄﬅﬆ",
    "e\u0301 vs é", "n\u0303 o\u0308 A\u030a", "q\u0307\u0323 q\u0323\u0307", "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘!͖̬̰̙̗̿̋ͥͥ̂ͣ̐́́͜͞", "\u0345a\u0345",
    "ｆｕｌｌｗｉｄｔｈ ＴＥＸＴ １２３！", "ﾊﾝｶｸ ｶﾀｶﾅ ｶﾞｷﾞ", "全角　空白", "￥１００ ￠ ￡ ￦", "ﾡﾢﾣ",
    "“curly” ‘quotes’ ‛odd‟ ʼn", "«guillemets» „low“ ‚single‘", "en–dash em—dash ―bar", "ellipsis…",
    "non\u00a0breaking\u2007\u202fspaces\u3000here", "zero\u200bwidth\u200cjoiners\u200dhere\u2060",
    "soft\u00adhyphen", "\ufeffbyte order mark", "line\u2028para\u2029next\u0085end", "\u180e\u1680x",
    "\u200eleft\u200fright\u202aembed\u202c", "\u2066isolate\u2069",
]
EMOJI = [
    "😀", "👍🏽", "👩‍👩‍👧‍👦", "🇫🇷🇩🇪", "🏴󠁧󠁢󠁷󠁬󠁳󠁿", "❤️", "☃", "1️⃣", "🤷‍♀️ no idea", "a 🐼 eats 🎋", "😂😂😂", "♠♥♦♣", "→ ⇒ ∀x∈ℝ",
    "™ © ® ℠", "♫ ♪", "⠓⠑⠇⠇⠕", "🫠🫶",
]
ENTITIES = [
    "&lt;tag&gt;", "&amp;amp;amp;lt;", "Tom &amp; Jerry", "Tom &AMP; Jerry", "&eacute;t&eacute;",
    "P&EACUTE;REZ", "&NTILDE;", "&nTILDE;", "BUNDESSTRA&SZLIG;E", "&copy 2020", "&copyright", "&copy;right",
    "&notit; &notin; &not", "&#233; &#xE9; &#XE9;", "&#x1F600;", "&#128;&#150;&#x99;", "&#0; &#xD800; &#x110000;",
    "&#99999999999;", "&#59;", "&#12abc;", "&#;", "&#x;", "&;", "& amp;", "&hellip;&mdash;", "&NotEqualTilde;",
    "&CounterClockwiseContourIntegral;", "&nbsp;x&nbsp;", "a<b &amp; c", "x &lt; y\n<br> &eacute;\n&eacute;",
    "&frac12; &sup2;", "&#1;&#11;&#127;&#xFDD0;&#xFFFE;", "&quot;quoted&quot;", "&apos;s", "&amp;#39;s",
    "&ampere; &ampersand", "&acE;&nvlt;", "&fjlig; &FJLIG;", "&thinsp;&ZeroWidthSpace;x", "&Tab;&NewLine;x",
]
BROKEN = [
    "âœ” No problems", "sÃ³", "schÃ¶n", "l’humanitÃ©", "voilÃ le travail", "Ã la mode", "fÃ cil",
    "Ã quele", "Ã\u00a0 la carte", "â€œquotedâ€\u009d", "â€œ like this â€�", "itâ€™s", "â‚¬5",
    "cafÃ© crÃ¨me", "MÃ¼nchen", "FranÃ§ois", "EspaÃ±a", "ÐŸÑ€Ð¸Ð²ÐµÑ‚", "Ð¿Ñ€Ð¸Ð²ÐµÑ‚ Ð¼Ð¸Ñ€",
    "РџСЂРёРІРµС‚", "Ã¦Â—Â¥Ã¦ÂœÂ¬", "æ—¥æœ¬èªž", "ã\u0083\u0084", "&macr;\\_(ã\x83\x84)_/&macr;",
    "ðŸ˜€", "ðŸ‘\u008d ok", "Ã¢Â€Â™", "doesnÃ¢â‚¬â„¢t", "the Mona Lisa doesnÃƒÂ¢Ã¢â€šÂ¬Ã¢â€žÂ¢t have eyebrows.",
    "Â£5 Â©2020 Â°C", "5Â°C", "10Âµm", "naÃ¯ve cafÃ© æ—¥æœ¬ plain", "ÃœberschriÃŸt", "K√∂ln", "caf√©",
    "Г‡ГўВЂВ™", "вЂњтекствЂќ", "Îμ", "Î•Î»Î»Î·Î½Î¹ÎºÎ¬", "Ø§Ù„Ø¹Ø±Ø¨ÙŠØ©", "×©×œ×•×", "à¤¨à¤®à¤¸à¥à¤¤à¥‡",
    "Å‚Ã³dÅº", "Ä°stanbul", "╨┐╤Ç╨╕╨▓╨╡╤é", "Ã\u0083Â©", "\u0080 euro \u0093quoted\u0094", "a\u0085b",
    "Å is a word", "Ø and Ð", "50 € – 60 €", "¿Qué?", "AHÅ™, the new sofa from IKEA®", "OK ¬_¬ ò_ó",
    "(-1/2)! = √π", "РТВС", "Ã Â¸", "ï»¿BOM", "Ã¡rbol - ÁRBOL", "\u00e2\u20ac\u00a6and so on",
    "ÃÂ", "Ã ", "Â ", "œ!", "œuvre", "À°", "×²", "à²", "ā€œ", "β€™",
    "sand&uuml; Ã¼ber ï¬\u0081sh", "This is \ufffd already lost", "M\u00c3\u00a1s \u00e2\u20ac\u201c m\u00e1s",
]
CONTROL = [
    "a\x00b", "bell\x07", "\x1b[36;44mcoloured\x1b[0m text", "\x1b[1;mA\x1b[", "\x1b[٣mA", "del\x7f",
    "\x01\x02\x03", "vertical\x0btab form\x0cfeed", "x\x1c\x1d\x1e\x1fy", "obj\ufffcect \ufff9a\ufffab\ufffb",
    "\u206a\u206f", "\ue000private", "\ufdd0nonchar\uffff", "\U000e0041tag", "\U0001d173music",
]
LONG = [
    "word " * 100, "a" * 500, "1 " * 76, "1 " * 75, "1 " * 74, "1 " * 77, "日本" * 60, "😀" * 40,
    "photo " * 75 + "!!!", "ab" * 200 + " end", "é" * 300, "the " * 74 + "unbelievable",
    "antidisestablishmentarianism " * 30,
]
SMALL = PLAIN + SCRIPTS + EMOJI + ENTITIES + BROKEN + CONTROL + LONG


class Tracing(reference.SimpleTokenizer):
    """Notes the merges that texts use."""

    def __init__(self, path: str):
        super().__init__(path)
        self.used = set()
        ranks, used = self.bpe_ranks, self.used

        class Ranks(dict):
            def __contains__(self, pair):  # asked about the best pair of each round only
                if dict.__contains__(self, pair):
                    used.add(ranks[pair])
                return dict.__contains__(self, pair)

        self.bpe_ranks = Ranks(ranks)


def closed(used: set, merges: list) -> list:
    """The ranks of `used` and of all merges that make their parts."""
    makes = {}
    for rank, merge in enumerate(merges):
        makes.setdefault("".join(merge), rank)
    todo, kept = list(used), set()
    while todo:
        rank = todo.pop()
        if rank not in kept:
            kept.add(rank)
            todo += [makes[part] for part in merges[rank] if part in makes]
    return sorted(kept)


def load(merges: list) -> Tracing:
    with tempfile.NamedTemporaryFile(suffix=".gz") as file:
        lines = ["#version: 0.2"] + [" ".join(merge) for merge in merges]
        file.write(gzip.compress("\n".join(lines).encode()))
        file.flush()
        return Tracing(file.name)


def all_merges() -> list:
    lines = gzip.open(VOCABULARY).read().decode().split("\n")[1:49152 - 256 - 2 + 1]
    return [tuple(line.split()) for line in lines]


def case(tokenizer: Tracing, text: str) -> dict:
    clean = reference.whitespace_clean(reference.basic_clean(text)).lower()
    return {"text": text, "clean": clean, "tokens": tokenizer(text).tolist()}


def write(path: Path, merges: list, cases: list) -> None:
    for entry in cases:
        while entry["tokens"] and entry["tokens"][-1] == 0:
            entry["tokens"].pop()
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"merges": [" ".join(merge) for merge in merges], "cases": cases}
    path.write_text(json.dumps(content, separators=(",", ":"), indent=0) + "\n")


def write_small(path: Path) -> None:
    merges = all_merges()
    whole = Tracing(str(VOCABULARY))
    pieces = [[whole.decoder[token] for token in whole(text).tolist()] for text in SMALL]
    short = [merges[rank] for rank in closed(whole.used, merges)]
    tokenizer = load(short)
    for text, expected in zip(SMALL, pieces):
        got = [tokenizer.decoder[token] for token in tokenizer(text).tolist()]
        assert got == expected, text
    write(path, short, [case(tokenizer, text) for text in SMALL])
    print(f"{path}: {len(SMALL)} texts, {len(short)} merges")


class RandomTexts:
    def __init__(self, seed: int):
        self.random = random.Random(seed)
        self.words = sorted({word for text in SMALL[:-len(LONG)] for word in text.split()})
        names = list(html.entities.html5)
        self.entities = [f"&{name}" for name in names] + [f"&{name.upper()}" for name in names]
        self.code_points = [chr(c) for c in range(0x110000)
                            if unicodedata.category(chr(c)) not in ("Cn", "Cs", "Co")]
        self.latin = [chr(c) for c in range(0x20, 0x250)]

    def word(self) -> str:
        pick = self.random
        kind = pick.random()
        if kind < 0.55:
            return pick.choice(self.words)
        if kind < 0.65:
            return "".join(pick.choices(self.code_points, k=pick.randint(1, 5)))
        if kind < 0.8:
            return "".join(pick.choices(self.latin, k=pick.randint(1, 8)))
        if kind < 0.9:
            return "".join(chr(pick.randint(0x61, 0x7A)) for _ in range(pick.randint(1, 12)))
        if kind < 0.95:
            return pick.choice(self.entities)
        number = ord(pick.choice(self.code_points))
        end = pick.choice([";", ""])
        return f"&#{number}{end}" if pick.random() < 0.5 else f"&#x{number:x}{end}"

    def misread(self, text: str) -> str:
        try:
            data = text.encode()
            if self.random.random() < 0.1:
                data = data.replace(b"\xa0", b" ")
            return data.decode(self.random.choice(PAGES), errors="replace")
        except UnicodeError:
            return text

    def text(self) -> str:
        pick = self.random
        spaces = [" ", " ", " ", " ", "", "\n", "\u00a0", "\t"]
        text = ""
        for _ in range(pick.randint(1, 8)):
            word = self.word()
            if pick.random() < 0.25:
                for _ in range(pick.randint(1, 3)):
                    word = self.misread(word)
            text += word + pick.choice(spaces)
        if pick.random() < 0.2:
            text = self.misread(text)
        return text[:400]


def write_random(path: Path, count: int, seed: int) -> None:
    texts = RandomTexts(seed)
    whole = Tracing(str(VOCABULARY))
    write(path, all_merges(), [case(whole, texts.text()) for _ in range(count)])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--random", type=int, default=0, metavar="COUNT")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=FIXTURE)
    arguments = parser.parse_args()
    if arguments.random:
        write_random(arguments.out, arguments.random, arguments.seed)
    else:
        write_small(arguments.out)


if __name__ == "__main__":
    main()
