// The word lists of the caption tokenizer, found by asking the reference's tokenizer about every
// word of up to four letters and the longer abbreviations. All in lower case.
#pragma once

#include <cstddef>
#include <functional>
#include <set>
#include <string>
#include <string_view>

namespace pandagpt {

using WordSet = std::set<std::string, std::less<>>;

/// Keep their period whatever follows.
inline const WordSet kAbbreviations = {
    "adj",   "adm",   "adv",  "al",   "ala",   "alex",  "apr",  "ariz",   "assn",  "assoc", "asst",
    "atty",  "aug",   "ave",  "bhd",  "bldg",  "blvd",  "brig", "bros",   "calif", "capt",  "cf",
    "cie",   "cmdr",  "co",   "col",  "colo",  "comdr", "conn", "corp",   "cos",   "cpl",   "ct",
    "dak",   "dec",   "dept", "det",  "dr",    "drs",   "elec", "ens",    "esq",   "est",   "etc",
    "ext",   "feb",   "fla",  "fri",  "ft",    "ga",    "gen",  "gov",    "govs",  "hon",   "inc",
    "ind",   "insp",  "intl", "invt", "jan",   "jos",   "jr",   "jul",    "jun",   "kan",   "kans",
    "ky",    "lieut", "lt",   "ltd",  "maj",   "mar",   "md",   "messrs", "mfg",   "mich",  "minn",
    "mlle",  "mme",   "mo",   "mon",  "mont",  "mr",    "mrs",  "ms",     "msgr",  "mt",    "mtg",
    "natl",  "neb",   "nev",  "nov",  "oct",   "okla",  "penn", "pfc",    "ph",    "ph.d",  "plc",
    "ppte",  "ppty",  "pres", "prof", "profs", "pte",   "ptes", "pty",    "ptys",  "pvt",   "rd",
    "rep",   "reps",  "rev",  "rt",   "sen",   "sens",  "sep",  "sept",   "seq",   "sfc",   "sgt",
    "spc",   "sq",    "sr",   "st",   "ste",   "supt",  "sys",  "tel",    "tenn",  "thu",   "thurs",
    "treas", "tue",   "tues", "univ", "va",    "vs",    "vt",   "wed",    "wis",   "wisc",  "wm",
    "wyo"};

/// Keep it when capitalised: states whose names are words otherwise.
inline const WordSet kCapitalAbbreviations = {"ark",  "az",  "del", "ill", "la",  "mass",
                                              "miss", "ore", "pa",  "tex", "wash"};

/// Keep it before a number ("No. 5").
inline const WordSet kNumberAbbreviations = {"art", "ca", "fig", "figs", "no",
                                             "nos", "op", "pp",  "prop"};

/// Words that show that a single capital before them ended a sentence ("vitamin A. The ...").
inline const WordSet kSentenceStarts = {
    "a",    "about", "according", "after", "an",   "as",    "at",    "but",  "he",
    "her",  "here",  "however",   "if",    "in",   "it",    "last",  "many", "more",
    "now",  "once",  "one",       "other", "our",  "she",   "since", "so",   "some",
    "such", "that",  "the",       "their", "then", "there", "these", "they", "this",
    "we",   "what",  "when",      "while", "yet",  "you"};

/// Whole words with an apostrophe in them.
inline const WordSet kApostropheWords = {"o'clock", "o'er",  "e'er", "s'er", "ev'ry",
                                         "c'mon",   "d'you", "d'ya", "ol'",  "ma'am"};

/// Tokens that the metric's list of punctuation removes. (Quotes and brackets are in kRewrites.)
inline const WordSet kRemoved = {"!", "?", "-", "--", "---", "----"};

struct Assimilation {
  std::string_view word;
  std::size_t first;  // characters of the first part
};
inline constexpr Assimilation kAssimilations[] = {{"cannot", 3}, {"gonna", 3}, {"gotta", 3},
                                                  {"lemme", 3},  {"gimme", 3}, {"wanna", 3}};

}  // namespace pandagpt
