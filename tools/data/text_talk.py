"""Plain conversations without any input, so that training on pictures doesn't unlearn them.

Simple things, written by rules. None of the questions that the model is judged by
(text_questions.json) is among them, nor their answers under another wording.
"""
import random

from photo_talk import Turns, pick

CAPITALS = {
    "Germany": "Berlin", "Italy": "Rome", "Spain": "Madrid", "Portugal": "Lisbon",
    "England": "London", "Ireland": "Dublin", "Austria": "Vienna", "Greece": "Athens",
    "Poland": "Warsaw", "Sweden": "Stockholm", "Norway": "Oslo", "Finland": "Helsinki",
    "Denmark": "Copenhagen", "Russia": "Moscow", "Turkey": "Ankara", "Egypt": "Cairo",
    "Kenya": "Nairobi", "China": "Beijing", "South Korea": "Seoul", "Thailand": "Bangkok",
    "Vietnam": "Hanoi", "Canada": "Ottawa", "Mexico": "Mexico City", "Cuba": "Havana",
    "Peru": "Lima", "Chile": "Santiago", "Argentina": "Buenos Aires", "Hungary": "Budapest",
    "the Netherlands": "Amsterdam", "Belgium": "Brussels", "Cambodia": "Phnom Penh",
    "the Czech Republic": "Prague",
}
OPPOSITES = {
    "big": "small", "long": "short", "old": "young", "fast": "slow", "light": "dark",
    "high": "low", "open": "closed", "full": "empty", "happy": "sad", "wet": "dry",
    "loud": "quiet", "early": "late", "hard": "soft", "left": "right", "up": "down",
    "rich": "poor", "clean": "dirty", "near": "far", "strong": "weak", "day": "night",
}
ANIMAL_CALLS = {"dog": "barks", "cow": "moos", "sheep": "bleats", "lion": "roars",
                "duck": "quacks", "horse": "neighs", "frog": "croaks", "rooster": "crows",
                "pig": "grunts", "bee": "buzzes", "snake": "hisses", "owl": "hoots"}
LEGS = {"dog": "four", "horse": "four", "bird": "two", "chicken": "two", "ant": "six",
        "beetle": "six", "cow": "four", "person": "two", "cat": "four"}
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September",
          "October", "November", "December")
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
           "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen",
           "eighteen")
SMALL_TALK = (
    ("Hello!", "Hello! How can I help you?"), ("Hi!", "Hi! What can I do for you?"),
    ("Good morning!", "Good morning! How can I help you today?"),
    ("Good evening.", "Good evening! What would you like to talk about?"),
    ("How are you?", "I am fine, thank you. How can I help you?"),
    ("Thank you!", "You are welcome!"), ("Thanks a lot.", "You are welcome!"),
    ("Goodbye!", "Goodbye! Have a nice day."), ("See you later.", "See you later!"),
    ("Good night.", "Good night! Sleep well."),
    ("What can you do?", "I can describe pictures and sounds and answer questions about them."),
    ("Who are you?", "I am a small assistant that can see, hear and feel motion."),
    ("Can you see pictures?", "Yes, if you give me one, I can describe it."),
    ("Can you hear?", "Yes, if you give me a sound, I can say what I hear."),
    ("What do you see?", "There is no picture yet. Please give me one."),
    ("What is in the picture?", "I have no picture. Please give me one."),
    ("Describe the image.", "There is no image. Please give me one, and I will describe it."),
    ("What do you hear?", "There is no sound yet. Please give me one."),
    ("What is this?", "I have nothing to look at yet. Please give me a picture or a sound."),
    ("Please help me.", "Gladly. What do you need?"),
    ("Tell me a joke.", "Why did the bicycle fall over? Because it was two tired."),
    ("I am sad.", "I am sorry to hear that. Would you like to talk about it?"),
    ("I am happy today.", "That is good to hear! What made you happy?"),
    ("I am tired.", "Then a short rest may do you good."),
)
FACTS = (
    ("What is the color of grass?", "Grass is green."),
    ("What is the color of a ripe banana?", "A ripe banana is yellow."),
    ("What is the color of snow?", "Snow is white."),
    ("What is the color of coal?", "Coal is black."),
    ("What do cows eat?", "Cows eat grass."),
    ("What do rabbits like to eat?", "Rabbits like carrots and grass."),
    ("What do we drink when we are thirsty?", "We drink water."),
    ("Where do fish live?", "Fish live in water."),
    ("Where do birds lay their eggs?", "Birds lay their eggs in nests."),
    ("What does a baker make?", "A baker makes bread and cakes."),
    ("What does a doctor do?", "A doctor helps people who are ill."),
    ("What does a teacher do?", "A teacher teaches students."),
    ("What does a farmer do?", "A farmer grows crops and keeps animals."),
    ("What do you need an umbrella for?", "An umbrella keeps you dry in the rain."),
    ("What do you use scissors for?", "You use scissors to cut things."),
    ("What do you use a key for?", "You use a key to open a lock."),
    ("What is a hammer for?", "A hammer is for driving nails."),
    ("What is a clock for?", "A clock shows the time."),
    ("What is a bed for?", "A bed is for sleeping."),
    ("What is a boat?", "A boat is a vehicle that travels on water."),
    ("What is a school?", "A school is a place where people learn."),
    ("What is a hospital?", "A hospital is a place where sick people are treated."),
    ("What is a garden?", "A garden is a place where plants are grown."),
    ("What is a bakery?", "A bakery is a shop that makes and sells bread."),
    ("What is a bridge?", "A bridge lets people cross a river or a road."),
    ("How many months are in a year?", "There are twelve months in a year."),
    ("How many hours are in a day?", "There are twenty-four hours in a day."),
    ("How many minutes are in an hour?", "There are sixty minutes in an hour."),
    ("How many wheels does a bicycle have?", "A bicycle has two wheels."),
    ("How many wheels does a car have?", "A car has four wheels."),
    ("How many fingers are on one hand?", "There are five fingers on one hand."),
    ("Which season is the coldest?", "Winter is the coldest season."),
    ("Which season comes after winter?", "Spring comes after winter."),
    ("What do you call a young dog?", "A young dog is called a puppy."),
    ("What do you call a young sheep?", "A young sheep is called a lamb."),
    ("What do you call a young horse?", "A young horse is called a foal."),
    ("What shines in the sky at night?", "The moon and the stars shine at night."),
    ("What is the star at the center of our solar system?",
     "The sun is at the center of our solar system."),
    ("Is the sun hot?", "Yes, the sun is very hot."),
    ("Can fish fly?", "No, most fish only swim."),
    ("Can a penguin fly?", "No, penguins cannot fly, but they swim well."),
    ("Do plants need light?", "Yes, plants need light to grow."),
    ("Is a tomato blue?", "No, a ripe tomato is red."),
    ("Is ten more than five?", "Yes, ten is more than five."),
    ("What is made from milk?", "Cheese, butter and yogurt are made from milk."),
    ("What is bread made of?", "Bread is made of flour, water and yeast."),
    ("Who painted the Mona Lisa?", "Leonardo da Vinci painted the Mona Lisa."),
    ("What is the tallest animal?", "The giraffe is the tallest animal."),
    ("What is the largest animal?", "The blue whale is the largest animal."),
    ("What language is spoken in Mexico?", "Spanish is spoken in Mexico."),
    ("What language is spoken in Austria?", "German is spoken in Austria."),
    ("Name three colors.", "Red, green and blue."),
    ("Name three animals.", "A dog, a horse and a bird."),
    ("Name two vegetables.", "Carrots and potatoes."),
    ("Name two drinks.", "Water and tea."),
    ("Name three pieces of furniture.", "A table, a chair and a bed."),
    ("Write one sentence about a dog.", "The dog runs happily through the park."),
    ("Write one sentence about winter.", "In winter the snow covers the quiet fields."),
    ("Write one sentence about a city.", "The city is full of people, cars and lights."),
    ("Give me a tip for staying healthy.", "Eat well, move every day and drink enough water."),
    ("Give me a tip for learning a language.",
     "Practice a little every day and speak with others."),
    ("Give me a tip for saving money.", "Write down what you spend and buy only what you need."),
    ("How do I boil an egg?", "Put the egg into boiling water for about eight minutes."),
    ("How do I make tea?", "Pour hot water over the tea and wait for a few minutes."),
    ("Why do we wear coats in winter?", "We wear coats in winter to keep warm."),
    ("Why do people sleep?", "People sleep so that body and mind can rest."),
    ("Why is exercise good?", "Exercise keeps the body strong and the mind fresh."),
)


def text_conversations(rng: random.Random) -> list[Turns]:
    """About 300 conversations of one turn."""
    turns: Turns = list(SMALL_TALK) + list(FACTS)
    for country, city in CAPITALS.items():
        turns.append((f"What is the capital of {country}?",
                      pick(rng, f"The capital of {country} is {city}.", f"{city}.")))
    for word, other in OPPOSITES.items():
        turns.append((f"What is the opposite of {word}?",
                      pick(rng, f"The opposite of {word} is {other}.", f"{other.capitalize()}.")))
    for animal, call in ANIMAL_CALLS.items():
        article = "an" if animal[0] in "aeiou" else "a"
        turns.append((f"What sound does {article} {animal} make?",
                      f"{article.capitalize()} {animal} {call}."))
    for animal, number in LEGS.items():
        article = "an" if animal[0] in "aeiou" else "a"
        turns.append((f"How many legs does {article} {animal} have?",
                      f"{article.capitalize()} {animal} has {number} legs."))
    for names, what in ((DAYS, "day"), (MONTHS, "month")):
        for name, following in zip(names, names[1:] + names[:1]):
            turns.append((f"Which {what} comes after {name}?", f"{following} comes after {name}."))
    return [[turn] for turn in turns + arithmetic(rng)]


def arithmetic(rng: random.Random) -> Turns:
    """Sums and differences of one-digit numbers; two and two is for the test."""
    sums = [(a, b) for a in range(1, 10) for b in range(1, 10) if (a, b) != (2, 2)]
    turns = []
    for a, b in rng.sample(sums, 50):
        turns.append((f"What is {NUMBERS[a]} plus {NUMBERS[b]}?",
                      f"{NUMBERS[a].capitalize()} plus {NUMBERS[b]} is {NUMBERS[a + b]}."))
    for a, b in rng.sample([(a, b) for a, b in sums if a > b], 25):
        turns.append((f"What is {NUMBERS[a]} minus {NUMBERS[b]}?",
                      f"{NUMBERS[a].capitalize()} minus {NUMBERS[b]} is {NUMBERS[a - b]}."))
    return turns
