"""The kinds of household request: each gives a request, its reply and its action."""

import re

from words import (ROOMS, NAMES, COLORS, ITEMS, COUNTED, DOORS, DEVICES, GENRES, SCENES,
                   SCENE_HINTS, TASKS, PEOPLE, CHORES, DAYS, ONES, TENS, REFUSED, REFUSED_OPEN,
                   TOPICS, VAGUE)


def number_word(n):
    if n == 100:
        return "one hundred"
    if n < 20:
        return ONES[n]
    return TENS[n // 10] + ("" if n % 10 == 0 else " " + ONES[n % 10])


class Picker:
    """Random choices shared by the intents below."""

    def __init__(self, rng):
        self.rng = rng

    def one(self, options):
        return self.rng.choice(list(options))

    def fill(self, template, **slots):
        """Expand (a|b|c) choices, innermost first, then {slots}."""
        while True:
            new = re.sub(r"\(([^()]*)\)", lambda m: self.one(m.group(1).split("|")), template)
            if new == template:
                break
            template = new
        return re.sub(r" +", " ", template.format(**slots)).strip()

    def invented(self):
        """A nonsense word: it teaches the model to copy names it has never seen."""
        return "".join(self.one("bcdfghjklmnprstvwz") + self.one(["a", "e", "i", "o", "u", "ee"]) +
                       self.one(["", "", "n", "r", "l", "s", "ck"])
                       for _ in range(self.rng.randint(2, 3)))

    def room(self):
        x = self.rng.random()
        if x < 0.05:
            return f"{self.invented()} room" if x < 0.02 else self.invented()
        if x < 0.13:
            return f"{self.one(NAMES)}'s room"
        return self.one(ROOMS)

    def number(self, n):
        return number_word(n) if self.rng.random() < 0.35 else str(n)

    def percent(self):
        if self.rng.random() < 0.7:
            return self.rng.randrange(0, 101, 5) or 100
        return self.rng.randint(1, 100)

    def time(self):
        """(spoken form, "HH:MM")"""
        rng = self.rng
        hour, minute = rng.randrange(24), self.one([0, 0, 0, 30, 15, 45, rng.randrange(0, 60, 5)])
        stamp = f"{hour:02}:{minute:02}"
        if rng.random() < 0.2:
            return stamp, stamp
        h12 = hour % 12 or 12
        half = "am" if hour < 12 else "pm"
        if rng.random() < 0.3:
            part = ("in the morning" if hour < 12 else
                    "in the afternoon" if hour < 18 else "in the evening")
            half = part if 0 < hour < 23 and hour != 12 else half
        if minute == 0:
            if hour in (0, 12) and rng.random() < 0.6:
                return ("midnight" if hour == 0 else "noon"), stamp
            clock = "" if half in ("am", "pm") or rng.random() < 0.5 else " o'clock"
            return f"{self.number(h12)}{clock} {half}", stamp
        if minute in (15, 30, 45) and rng.random() < 0.4:
            word = {15: "quarter past", 30: "half past", 45: "quarter to"}[minute]
            spoken = h12 if minute < 45 else (hour + 1) % 12 or 12
            if not (minute == 45 and (hour + 1) % 12 == 0):
                return f"{word} {self.number(spoken)} {half}", stamp
        if rng.random() < 0.15 and minute >= 10:
            return f"{number_word(h12)} {number_word(minute)} {half}", stamp
        return f"{h12}:{minute:02} {half}", stamp


# Each intent returns (request, reply, action). The reply says the slot values
# in the form the action uses, so the action can be copied from it.

def light_level(p):
    room, n = p.room(), p.percent()
    a = {"action": "set_light", "room": room, "level": n}
    q = p.fill("((set|put|turn|bring|change) the {r} (light|lights|lamp) to {n}(%| percent)|"
               "(dim|lower) the (light|lights|lamp) in the {r} to {n}(%| percent)|"
               "dim the {r} (light|lights|lamp) to {n}(%| percent)|"
               "(brighten|raise) the {r} (light|lights) to {n}(%| percent)|"
               "(i want|i would like|i'd like) the {r} (light|lights) at {n}(%| percent)|"
               "(set|turn) the (light|lights|brightness) in the {r} to {n}(%| percent)|"
               "{r} (light|lights) (to|at) {n}(%| percent)|"
               "make the {r} (light|lights) {n} percent bright)", r=room, n=p.number(n))
    if n in (50, 100) and p.rng.random() < 0.4:
        word = p.one(["half", "half brightness"] if n == 50 else ["full brightness", "maximum"])
        q = p.fill("(set|turn|put|dim) the {r} (light|lights) to {w}", r=room, w=word)
    return q, p.fill("(Sure|Okay|Done), the {r} light is now at {n} percent.", r=room, n=n), a


def light_switch(p):
    room, state = p.room(), p.one(["on", "off"])
    a = {"action": "set_light", "room": room, "state": state}
    if state == "on" and p.rng.random() < 0.2:
        q = p.fill("(it is too dark in the {r}|i can't see anything in the {r}|"
                   "it is dark in the {r}|i need some light in the {r})", r=room)
    elif state == "off" and p.rng.random() < 0.2:
        q = p.fill("(kill the lights in the {r}|nobody needs light in the {r}|"
                   "make it dark in the {r}|lights out in the {r})", r=room)
    else:
        q = p.fill("((turn|switch) {s} the {r} (light|lights|lamp)|"
                   "(turn|switch) the {r} (light|lights|lamp) {s}|"
                   "(turn|switch) {s} the (light|lights|lamp) in the {r}|"
                   "(turn|switch) the (light|lights) in the {r} {s}|"
                   "{r} (light|lights) {s}|lights {s} in the {r})", r=room, s=state)
    return q, p.fill("(Sure|Okay|Done), the {r} light is now {s}.", r=room, s=state), a


def light_color(p):
    room, c = p.room(), p.one(COLORS)
    a = {"action": "set_light", "room": room, "color": c}
    if p.rng.random() < 0.4:
        n = p.percent()
        a["level"] = n
        q = p.fill("((set|turn|change) the {r} (light|lights) to {c} (at|and) {n}(%| percent)|"
                   "(make|turn) the {r} (light|lights) {c} (at|and) {n}(%| percent)|"
                   "i (want|would like) {c} light in the {r} at {n} percent|"
                   "{c} light in the {r} at {n}(%| percent))",
                   r=room, c=c, n=p.number(n))
        return q, f"Sure, the {room} light is now {c} at {n} percent.", a
    q = p.fill("((set|turn|change) the {r} (light|lights|lamp) to {c}|"
               "(make|turn) the {r} (light|lights|lamp) {c}|make the light in the {r} {c}|"
               "i (want|would like) {c} light in the {r}|{c} light in the {r})", r=room, c=c)
    return q, p.fill("(Sure|Okay), the {r} light is now {c}.", r=room, c=c), a


def light_two(p):
    r1, r2 = p.rng.sample(ROOMS, 2)
    state = p.one(["on", "off"])
    a = {"action": "set_light", "rooms": [r1, r2], "state": state}
    q = p.fill("((turn|switch) {s} the lights in the {a} and the {b}|"
               "(turn|switch) {s} the {a} and {b} lights|"
               "(turn|switch) the {a} and (the|) {b} lights {s})", a=r1, b=r2, s=state)
    return q, f"Sure, the {r1} and {r2} lights are now {state}.", a


def heating(p):
    room, n = p.room(), p.rng.randint(14, 27)
    a = {"action": "set_heating", "room": room, "temperature": n}
    q = p.fill("((set|turn|put|change) the (heating|temperature|thermostat|radiator) in the {r} to "
               "{n}( degrees|°C|)|(set|turn) the {r} (heating|temperature|thermostat|) to {n} degrees|"
               "(heat|warm) the {r} (up|) to {n}( degrees|)|make the {r} {n} degrees|"
               "(i want|i would like|i'd like) (it to be|) {n} degrees in the {r}|"
               "make it {n} degrees in the {r}|{r} (heating|temperature) to {n}( degrees|)|"
               "(cool|warm) the {r} to {n} degrees)", r=room, n=p.number(n))
    return q, p.fill("(Okay|Sure), the {r} is set to {n} degrees.", r=room, n=n), a


def heating_off(p):
    room = p.room()
    a = {"action": "set_heating", "room": room, "state": "off"}
    q = p.fill("((turn|switch) off the (heating|radiator) in the {r}|"
               "(turn|switch) the {r} (heating|radiator) off|stop heating the {r}|"
               "no (more|) heating in the {r})", r=room)
    return q, f"Okay, the {room} heating is now off.", a


def timer(p):
    unit = p.one(["minutes"] * 4 + ["hours", "seconds"])
    n = {"minutes": p.rng.randint(1, 60), "hours": p.rng.randint(1, 12),
         "seconds": p.one([*range(5, 61, 5), 90])}[unit]
    word = unit if n > 1 else unit[:-1]
    v = p.number(n)
    hyphen = unit[:-1]
    a = {"action": "set_timer", unit: n}
    if p.rng.random() < 0.15:
        spoken, a = p.one([("half an hour", {"minutes": 30}), ("an hour", {"hours": 1}),
                           ("a minute", {"minutes": 1}), ("an hour and a half", {"minutes": 90}),
                           ("a quarter of an hour", {"minutes": 15}),
                           ("half a minute", {"seconds": 30})] + [None] * 4) or (None, None)
        if spoken is None:
            h, m = p.rng.randint(1, 5), p.one(range(5, 60, 5))
            hours = "hour" if h == 1 else "hours"
            spoken, a = f"{p.number(h)} {hours} and {p.number(m)} minutes", {"hours": h, "minutes": m}
        said = " and ".join(f"{n} {u if n > 1 else u[:-1]}" for u, n in a.items())
        q = p.fill("((set|start|make) a timer for {v}|timer {v}|set the timer to {v}|"
                   "i need a timer (of|for) {v}|let me know when {v} (is over|has passed))", v=spoken)
        return q, p.fill("(Okay|Sure), the timer runs for {s}.", s=said), {"action": "set_timer", **a}
    if p.rng.random() < 0.25:
        label = p.one(["pasta", "eggs", "pizza", "tea", "cake", "laundry", "nap", "bread", "rice",
                       "homework", "soup", "cookies"])
        a["label"] = label
        q = p.fill("((set|start) a {l} timer for {v} {u}|(set|start) a {v} {h} timer for the {l}|"
                   "(set|start) a timer for {v} {u} for the {l}|time the {l} for {v} {u})",
                   v=v, u=word, h=hyphen, l=label)
        return q, f"Okay, the {label} timer runs for {n} {word}.", a
    q = p.fill("((set|start|make) a timer for {v} {u}|(set|start) a {v} {h} timer|timer {v} {u}|"
               "(count down|countdown) {v} {u}|set the timer to {v} {u}|{v} {u} timer|"
               "(tell me|let me know) when {v} {u} (are over|have passed)|"
               "i need a timer (of|for) {v} {u})", v=v, u=word, h=hyphen)
    return q, p.fill("(Okay|Sure), the timer runs for {n} {u}.", n=n, u=word), a


def timer_cancel(p):
    q = p.fill("((stop|cancel|delete|end|turn off) (the|my|that) (timer|countdown)|"
               "i (don't|do not) need the timer (any more|anymore|now)|"
               "(the timer can stop|forget the timer|no more timer))")
    return q, "Okay, the timer is cancelled.", {"action": "cancel_timer"}


def alarm(p):
    spoken, stamp = p.time()
    a = {"action": "set_alarm", "time": stamp}
    if p.rng.random() < 0.12:
        hour, minute = p.rng.randint(4, 11), p.one([0, 0, 15, 30, 45])
        stamp = f"{hour:02}:{minute:02}"
        spoken = f"{hour}:{minute:02}" if minute else p.number(hour)
        q = p.fill("(wake me (up|) (tomorrow morning at {t}|at {t} tomorrow morning)|"
                   "set an alarm for (tomorrow morning at {t}|{t} tomorrow morning))", t=spoken)
        return q, f"Okay, the alarm is set for {stamp} tomorrow.", {
            "action": "set_alarm", "time": stamp, "day": "tomorrow"}
    if p.rng.random() < 0.4:
        day = p.one(DAYS[2:])
        a["day"] = day
        on = day if day == "tomorrow" else "on " + day
        q = p.fill("(set an alarm (for|at) {t} {d}|wake me (up|) {d} at {t}|"
                   "wake me (up|) at {t} {d}|set an alarm {d} (for|at) {t}|alarm {d} at {t})",
                   t=spoken, d=on)
        return q, p.fill("(Okay|Sure), the alarm is set for {t} {d}.", t=stamp, d=on), a
    q = p.fill("(set (an|the|my) alarm (for|at|to) {t}|wake me (up|) at {t}|alarm at {t}|"
               "i (need|have|want) to (get|wake) up at {t}|make sure i am up at {t})", t=spoken)
    return q, p.fill("(Okay|Sure), the alarm is set for {t}.", t=stamp), a


def shopping(p):
    some = "(some|)"
    if p.rng.random() < 0.35:
        item, n = p.one(COUNTED), p.rng.randint(2, 24)
        a = {"action": "add_item", "item": item, "count": n}
        what, said, some = f"{p.number(n)} {item}", f"{n} {item}", ""
    elif p.rng.random() < 0.25:
        i1, i2 = p.rng.sample(ITEMS, 2)
        a = {"action": "add_item", "items": [i1, i2]}
        what = said = f"{i1} and {i2}"
    else:
        item = p.one(ITEMS) if p.rng.random() < 0.7 else p.invented()
        if p.rng.random() < 0.2:
            item = p.one(["fresh", "organic", "cheap", "more", "good", "new"]) + " " + item
            some = ""
        a = {"action": "add_item", "item": item}
        what = said = item
    q = p.fill("(add {w} to (the|my|our) (shopping list|list|grocery list|groceries)|"
               "put {w} on (the|my|our) (shopping list|list|grocery list)|"
               "(we|i) need " + some + " {w}|(we|i) need to buy {w}|"
               "(we ran|we're|we are) out of {w}|buy " + some + " {w}|"
               "(don't forget|remember to buy) {w}|shopping list: {w})", w=what)
    if "count" in a:
        q = re.sub("we( ran|'re| are) out of", "we need", q)
    return q, p.fill("(Okay, {w} added to the shopping list.|"
                     "I added {w} to the shopping list.)", w=said), a


def shopping_remove(p):
    item = p.one(ITEMS) if p.rng.random() < 0.85 else p.invented()
    a = {"action": "remove_item", "item": item}
    q = p.fill("((remove|delete|take|drop|strike) (the|) {w} from (the|my|our) (shopping list|list)|"
               "take (the|) {w} off (the|my|our) (shopping list|list)|"
               "(we|i) (don't|do not) need (any|) {w} (any more|anymore|after all)|"
               "i already (bought|have) (the|) {w})", w=item)
    return q, f"Okay, {item} removed from the shopping list.", a


def music(p):
    genre = p.one(GENRES)
    a = {"action": "play_music", "genre": genre}
    where, volume, said = "", "", ""
    if p.rng.random() < 0.6:
        a["room"] = p.room()
        where = said = f"in the {a['room']}"
    if p.rng.random() < 0.25:
        n = p.percent()
        a["volume"] = n
        volume = p.fill("at ({n}(%| percent)|volume {n})", n=p.number(n))
        said += f" at volume {n}"
    q = p.fill("((play|start|put on) (some|) {g} (music|) {w} {v}|"
               "i (want|would like) to (hear|listen to) (some|) {g} (music|) {w} {v}|"
               "(let's|let us) (hear|listen to) (some|) {g} {w} {v}|{g} music {w} {v})",
               g=genre, w=where, v=volume)
    return q, p.fill("(Sure, playing|Okay, playing) {g} music {s}", g=genre, s=said) + ".", a


def music_stop(p):
    if p.rng.random() < 0.6:
        room = p.room()
        q = p.fill("((stop|pause|turn off|end|switch off) the music in the {r}|no more music in the {r}|"
                   "(turn|switch) the music off in the {r})", r=room)
        return q, f"Okay, the music in the {room} is off.", {"action": "stop_music", "room": room}
    q = p.fill("((stop|pause|turn off|end|switch off) (the|this|that) (music|song|playlist)|"
               "(no more music|be quiet|silence|stop playing|turn the music off)( now|))")
    return q, "Okay, the music is off.", {"action": "stop_music"}


def volume(p):
    n = p.percent()
    a = {"action": "set_volume", "level": n}
    where = ""
    if p.rng.random() < 0.5:
        a["room"] = p.room()
        where = f"in the {a['room']}"
    q = p.fill("((set|turn|put|change) the (volume|music|sound) {w} to {n}(%| percent|)|volume {w} (to|at) {n}|"
               "(set|turn) the (volume|speaker) to {n}(%| percent|) {w}|"
               "(lower|raise) the volume {w} to {n}(%| percent|))", w=where, n=p.number(n))
    return q, p.fill("(Okay|Sure), the volume {w} is now {n}", w=where, n=n) + " percent.", a


def lock(p):
    door, verb = p.one(DOORS), p.one(["lock", "unlock"])
    name = "" if p.rng.random() < 0.8 else p.one(NAMES)
    a = {"action": verb, "door": door}
    if name:
        q = p.fill("(({v} the {d} for {n})|(let {n} in through the {d}))"
                   if verb == "unlock" else "((lock|close and lock) the {d} behind {n}|{v} the {d}, {n} (has left|is home))",
                   v=verb, d=door, n=name)
    else:
        q = p.fill("({v} the {d}|(can|could) you {v} the {d}|{v} (up|) the {d} (now|)|"
                   "(make sure|see to it that) the {d} is {v}ed|i (want|need) the {d} {v}ed|"
                   "keep the {d} {v}ed)", v=verb, d=door)
    return q, p.fill("(Done|Okay), the {d} is {v}ed.", d=door, v=verb), a


def blinds(p):
    room = p.room()
    if p.rng.random() < 0.4:
        n = p.percent()
        a = {"action": "set_blinds", "room": room, "level": n}
        q = p.fill("((set|open|lower|raise|close|move) the (blinds|shades|curtains) in the {r} to {n}(%| percent)|"
                   "(set|open|lower|raise|close) the {r} (blinds|shades|curtains) to {n}(%| percent)|"
                   "{r} blinds (to|at) {n}(%| percent))", r=room, n=p.number(n))
        return q, f"Okay, the {room} blinds are now at {n} percent.", a
    state = p.one(["open", "closed"])
    a = {"action": "set_blinds", "room": room, "state": state}
    verb = "(open|raise|pull up)" if state == "open" else "(close|lower|shut|pull down)"
    why = ("(let some sun into the {r}|let the daylight into the {r})" if state == "open" else
           "(keep the sun out of the {r}|the sun is too bright in the {r})")
    q = p.fill("(" + verb + " the (blinds|shades|curtains) in the {r}|" + verb +
               " the {r} (blinds|shades|curtains)|" + verb + " the {r} (blinds|curtains)|" +
               why + ")", r=room)
    return q, f"Okay, the {room} blinds are now {state}.", a


def vacuum(p):
    x = p.rng.random()
    if x < 0.2:
        q = p.fill("(send the (vacuum|robot|robot vacuum) (home|back|to its dock|back to the dock)|"
                   "stop (the (vacuum|robot|robot vacuum)|vacuuming)|dock the (vacuum|robot))")
        return q, "Okay, the vacuum goes back to its dock.", {"action": "vacuum", "state": "dock"}
    room = p.room()
    a = {"action": "vacuum", "room": room}
    when, said = "", "is cleaning the"
    if x < 0.5:
        spoken, stamp = p.time()
        a["time"] = stamp
        when, said = f"at {spoken}", "will clean the"
    q = p.fill("(vacuum the {r} {w}|clean the {r} (floor|) {w}|"
               "(send|start) the (vacuum|robot|robot vacuum) (to|in) the {r} {w}|"
               "(have|let) the (vacuum|robot|robot vacuum) (clean|do) the {r} {w}|"
               "the {r} (is dirty|needs cleaning|floor is dirty), (vacuum|clean) it {w})",
               r=room, w=when)
    tail = f" at {a['time']}" if when else ""
    return q, f"Okay, the vacuum {said} {room}{tail}.", a


def remind(p):
    text = f"{p.one(TASKS)} {p.one(PEOPLE)}" if p.rng.random() < 0.5 else p.one(CHORES)
    if p.rng.random() < 0.15:
        text = f"{text.split(' ')[0]} {p.one(['the ', 'my ', ''])}{p.invented()}"
    spoken, stamp = p.time()
    a = {"action": "remind", "text": text, "time": stamp}
    day = ""
    if p.rng.random() < 0.4:
        day = p.one(DAYS[2:])
        a["day"] = day
        day = day if day == "tomorrow" else f"on {day}"
    q = p.fill("(remind me to {x} at {t} {d}|remind me {d} at {t} to {x}|at {t} {d} remind me to {x}|"
               "remind me at {t} {d} to {x}|(set|make|create) a reminder to {x} at {t} {d}|"
               "don't let me forget to {x} at {t} {d}|i (need|have) to {x} at {t} {d}, remind me)",
               x=text, t=spoken, d=day)
    return q, p.fill("(Okay|Sure), I will remind you to {x} at {t} {d}", x=text, t=stamp, d=day) + ".", a


def weather(p):
    day = p.one(DAYS)
    q = p.fill("((what|how) is the weather (like|going to be|) {d}|(will it|is it going to) (rain|snow) {d}|"
               "(do i need an umbrella|is it cold outside|will it be (sunny|cold|warm|windy)) {d}|"
               "(tell me|show me|give me) the (weather|forecast|weather forecast) for {d}|"
               "what (is|will be) the (weather|forecast|temperature outside) {d}|weather {d}|"
               "how (cold|warm|hot) will it be {d}|should i take (a coat|an umbrella) {d})",
               d=day if day in DAYS[:3] or p.rng.random() < 0.3 else "on " + day)
    q = q.replace("for on ", "for ")
    return q, p.fill("(Let me check|I will look up) the weather for {d}.", d=day), {
        "action": "get_weather", "day": day}


def state(p):
    x = p.rng.random()
    if x < 0.35:
        room = p.room()
        q = p.fill("((what is|what's|tell me|check) the temperature in the {r}|"
                   "how (warm|cold|hot) is (it in|) the {r}|is it (warm|cold|hot) in the {r})", r=room)
        return q, f"Let me check the temperature in the {room}.", {
            "action": "get_state", "room": room, "sensor": "temperature"}
    if x < 0.6:
        room = p.room()
        q = p.fill("((is|are) the lights? (still|) on in the {r}|did i leave the light on in the {r}|"
                   "(is|are) the {r} lights? (still|) on|is there (still|) light in the {r})"
                   .replace("s?", "(s|)"), r=room)
        return q, f"Let me check the light in the {room}.", {
            "action": "get_state", "room": room, "sensor": "light"}
    what = p.one(DOORS) if x < 0.8 else p.one(DEVICES)
    if what in DOORS:
        q = p.fill("(is the {w} (locked|open|closed|unlocked)|did (i|we|someone) (lock|close) the {w}|"
                   "check (if|whether) the {w} is (locked|closed|open))", w=what)
    else:
        be = "are" if what.endswith("lights") else "is"
        q = p.fill("({b} the {w} (still|) (on|running|off)|did i (leave the {w} on|turn off the {w})|"
                   "check (if|whether) the {w} {b} (on|off))", w=what, b=be)
    return q, f"Let me check the {what}.", {"action": "get_state", "device": what}


def device(p):
    what, s = p.one(DEVICES), p.one(["on", "off"])
    a = {"action": "set_device", "device": what, "state": s}
    verb = "(start|fire up|run)" if s == "on" else "(stop|shut off|shut down)"
    if p.rng.random() < 0.25:
        spoken, stamp = p.time()
        a["time"] = stamp
        q = p.fill("((turn|switch) {s} the {w} at {t}|(turn|switch) the {w} {s} at {t}|"
                   "at {t} (turn|switch) {s} the {w}|" + verb + " the {w} at {t})",
                   s=s, w=what, t=spoken)
        return q, f"Okay, the {what} will be {s} at {stamp}.", a
    q = p.fill("((turn|switch) {s} the {w}|(turn|switch) the {w} {s}|" + verb + " the {w}|{w} {s}|"
               "i want the {w} {s})", s=s, w=what)
    verb = "are" if what.endswith("lights") else "is"
    return q, f"Done, the {what} {verb} now {s}.", a


def scene(p):
    name = p.one(SCENES)
    a = {"action": "set_scene", "scene": name}
    if p.rng.random() < 0.4:
        q = p.one(SCENE_HINTS[name]) + p.one(["", "", " now", ", house", " everyone"])
    else:
        q = p.fill("((start|activate|turn on|switch on|set|enable|run) {x}|(switch|go|change) to {x}|"
                   "i want {x}|{x})", x=p.one(SCENES[name]))
    return q, f"Okay, the {name} scene is on.", a


def refuse(p):
    what = p.one(REFUSED).replace("{n}", p.one(NAMES))
    if p.rng.random() < 0.5:
        what = p.fill(p.one(REFUSED_OPEN), w=p.one(TOPICS) if p.rng.random() < 0.7 else p.invented())
    return what, p.fill("(Sorry, I can only help with the house.|"
                        "Sorry, that is not something I can do in the house.)"), {"action": "none"}


def clarify(p):
    if p.rng.random() < 0.35:  # the room is there, the value is not
        room = p.room()
        q, reply = p.one([
            ("(dim|change|adjust) the {r} (light|lights)", "How bright should the {r} light be?"),
            ("(dim|change|adjust) the (light|lights) in the {r}", "How bright should the {r} light be?"),
            ("make the {r} (warmer|cooler)", "What temperature would you like in the {r}?"),
            ("(heat|warm) the {r} (up|)", "What temperature would you like in the {r}?"),
            ("it is too (cold|warm|hot) in the {r}", "What temperature would you like in the {r}?"),
            ("change the (heating|temperature) in the {r}", "What temperature would you like in the {r}?")])
        return p.fill(q, r=room), reply.format(r=room), {"action": "none"}
    q, reply = p.one(VAGUE)
    q = q + p.one(["", "", "", " now", " for me", " again"])
    return q, reply, {"action": "none"}


INTENTS = {light_level: 9, light_switch: 8, light_color: 6, light_two: 4, heating: 9,
           heating_off: 2, timer: 7, timer_cancel: 2, alarm: 8, shopping: 9, shopping_remove: 4,
           music: 7, music_stop: 3, volume: 4, lock: 5, blinds: 6, vacuum: 6, remind: 10,
           weather: 4, state: 6, device: 7, scene: 4, refuse: 5, clarify: 4}
