"""The words and phrases that the household requests are made of."""

ROOMS = ["kitchen", "bedroom", "living room", "bathroom", "hallway", "office", "dining room",
         "nursery", "garage", "attic", "basement", "guest room", "laundry room", "study",
         "porch", "playroom", "pantry", "library", "sunroom", "workshop"]
NAMES = ["Anna", "Ben", "Clara", "David", "Emma", "Felix", "Grace", "Henry", "Ines", "Jonas",
         "Katie", "Leo", "Mia", "Noah", "Olga", "Paul", "Rosa", "Sam", "Tara", "Victor"]
COLORS = ["red", "blue", "green", "yellow", "orange", "purple", "pink", "white", "warm white",
          "turquoise"]
ITEMS = ["milk", "bread", "eggs", "butter", "cheese", "apples", "bananas", "tomatoes", "onions",
         "potatoes", "rice", "pasta", "flour", "sugar", "salt", "coffee", "tea", "orange juice",
         "olive oil", "yogurt", "chicken", "fish", "carrots", "lettuce", "cucumbers", "lemons",
         "garlic", "toilet paper", "dish soap", "toothpaste", "shampoo", "paper towels",
         "dog food", "cat litter", "batteries", "light bulbs", "trash bags", "honey", "cereal",
         "oat milk", "mushrooms", "spinach", "grapes", "peppers", "chocolate", "sparkling water",
         "ketchup", "mustard", "beans", "frozen peas", "cookies", "crackers", "ham", "cream",
         "vinegar", "peanut butter", "jam", "oranges", "pears", "sponges"]
COUNTED = ["apples", "bananas", "lemons", "onions", "cucumbers", "oranges", "pears",
           "light bulbs", "batteries", "eggs", "potatoes", "carrots", "tomatoes", "peppers",
           "sponges", "mushrooms"]
DOORS = ["front door", "back door", "garage door", "side door", "patio door", "cellar door",
         "garden gate", "balcony door"]
DEVICES = ["tv", "fan", "coffee machine", "kettle", "dishwasher", "washing machine", "dryer",
           "oven", "air purifier", "humidifier", "heater", "radio", "sprinkler",
           "garden lights", "fish tank light", "space heater", "air conditioner", "toaster"]
GENRES = ["jazz", "rock", "classical", "pop", "folk", "blues", "country", "techno", "reggae",
          "soul", "ambient", "piano", "disco", "opera", "lullaby", "hip hop"]
SCENES = {"movie": ["movie night", "movie mode", "the movie scene"],
          "night": ["good night mode", "the night scene", "night mode"],
          "morning": ["the morning scene", "morning mode"],
          "party": ["party mode", "the party scene"],
          "dinner": ["the dinner scene", "dinner mode"],
          "reading": ["reading mode", "the reading scene"],
          "away": ["away mode", "the away scene"]}
SCENE_HINTS = {"movie": ["we are going to watch a film", "it is movie time", "get ready for a movie"],
               "night": ["good night", "i am going to bed", "time to sleep", "we are off to bed"],
               "morning": ["good morning", "i just woke up", "time to get up"],
               "party": ["let's have a party", "the party is starting"],
               "dinner": ["dinner is ready", "we are about to have dinner"],
               "reading": ["i want to read a book", "i would like to read for a while"],
               "away": ["i am leaving the house", "we are going out", "nobody will be home today",
                        "i am off to work"]}
TASKS = ["call", "email", "text", "visit", "thank", "write to", "pay", "meet"]
PEOPLE = ["mom", "dad", "grandma", "the dentist", "the doctor", "the bank", "the plumber",
          "the landlord", "the school", "my sister", "my brother", "the office", "the neighbours",
          "uncle Tom", "aunt Lucy"] + NAMES
CHORES = [f"{verb} {thing}" for verb, things in {
    "water": ["the plants", "the flowers", "the garden"],
    "feed": ["the cat", "the dog", "the fish"],
    "walk": ["the dog"],
    "take out": ["the trash", "the recycling"],
    "clean": ["the oven", "the bathroom", "the fridge", "the windows"],
    "buy": ["stamps", "flowers", "a birthday card", "a present", "bread", "train tickets"],
    "pick up": ["the kids", "the parcel", "the laundry", "the cake"],
    "take": ["my medicine", "my vitamins", "a break"],
    "check": ["the mail", "the oven", "the washing machine", "the tyres"],
    "charge": ["my phone", "the car", "the laptop"],
    "book": ["a table", "a haircut", "the tickets"],
    "return": ["the library books", "the parcel"],
    "defrost": ["the chicken", "the freezer"],
    "change": ["the bed sheets", "the water filter"]}.items() for thing in things]
DAYS = ["today", "tonight", "tomorrow", "monday", "tuesday", "wednesday", "thursday", "friday",
        "saturday", "sunday"]

ONES = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
        "fifteen sixteen seventeen eighteen nineteen").split()
TENS = "zero ten twenty thirty forty fifty sixty seventy eighty ninety".split()

REFUSED = ["order a pizza", "tell me a joke", "book a flight to Rome", "write a poem",
           "what is the capital of France", "who won the game last night", "call a taxi",
           "translate hello into Spanish", "what is two plus two", "send money to {n}",
           "find a good restaurant", "who is the president", "play chess with me",
           "read me the news", "what is the meaning of life", "fix my car", "sing a song",
           "do my homework", "tell me a story", "buy concert tickets", "cook dinner",
           "how old are you", "what is the stock price today", "teach me French",
           "recommend a book", "hack the neighbour's wifi", "wash my clothes by hand",
           "post a photo", "who wrote Hamlet", "how far away is the moon",
           "give me a recipe for soup", "call {n}", "what should I wear", "paint the fence",
           "do you like me", "what is your favourite film", "explain gravity",
           "rent a car", "find my keys", "take the dog to the vet"]
REFUSED_OPEN = ["(what|who|where) is {w}", "(order|get) me a {w}", "book a (flight|trip|hotel) (to|for) {w}",
                "write (a poem|a story|an essay|a song) about {w}", "tell me (a joke|a story|something) about {w}",
                "what do you (think|know) about {w}", "(translate|spell) {w}", "explain {w}",
                "what is the capital of {w}", "how (old|big|far away) is {w}", "(sell|find|fix) my {w}",
                "who (invented|discovered|wrote) {w}", "(post|search) for {w} on the internet",
                "(call|phone|text) {w}", "what is the price of {w}", "why is {w} so (big|famous|popular)"]
TOPICS = ["Paris", "Rome", "London", "Japan", "Spain", "Egypt", "football", "history", "love",
          "the moon", "the ocean", "dinosaurs", "chess", "politics", "space", "bitcoin", "pizza",
          "burger", "car", "bicycle", "shoes", "camera", "summer", "winter", "dragons", "robots",
          "music theory", "physics", "the internet", "the sky", "the stars", "Africa", "Berlin"]
# (vague request, question back)
VAGUE = [("turn on the lights", "In which room should I turn on the lights?"),
         ("turn off the lights", "In which room should I turn off the lights?"),
         ("dim the lights", "Which room, and how bright should it be?"),
         ("make it warmer", "Which room, and what temperature would you like?"),
         ("make it cooler", "Which room, and what temperature would you like?"),
         ("turn off the heating", "In which room should I turn off the heating?"),
         ("turn up the heating", "Which room, and what temperature would you like?"),
         ("set a timer", "How long should the timer run?"),
         ("start a timer", "How long should the timer run?"),
         ("set an alarm", "What time should the alarm ring?"),
         ("wake me up", "What time should the alarm ring?"),
         ("remind me", "What should I remind you of, and when?"),
         ("set a reminder", "What should I remind you of, and when?"),
         ("add something to the list", "What should I add to the shopping list?"),
         ("put it on the shopping list", "What should I add to the shopping list?"),
         ("lock the door", "Which door should I lock?"),
         ("unlock the door", "Which door should I unlock?"),
         ("open the blinds", "In which room should I open the blinds?"),
         ("close the blinds", "In which room should I close the blinds?"),
         ("turn it on", "Which device should I turn on?"),
         ("turn it off", "Which device should I turn off?"),
         ("switch it off", "Which device should I turn off?")]
