"""Write the household-request text that the demo model is trained on.

    python models/make_text.py --out models/build

Writes train.txt (one JSON string per line, each a whole dialogue) and
heldout.jsonl (request, reply, action). Everything is generated from the
templates of intents.py with a fixed seed.

With --final it writes the text of the last training stage: the same requests and
the same split, but every reply has one wording only, so greedy decoding has no
near ties; some number words carry a hyphen; and some small talk is added.

Split: actions with two or more slots are held out as whole slot combinations
(no training dialogue has that action, however it is worded); the other
requests are held out by their wording. The choice is a hash, so it does not
depend on the order of generation.
"""

import argparse
import hashlib
import json
import random
import re
from pathlib import Path

from intents import INTENTS, Picker
from words import ONES, TENS

BEFORE = ["I am cold", "it is late", "I am busy", "we have guests", "one more thing", "oh", "well",
          "listen", "excuse me", "by the way", "so", "dear house", "the kids are asleep",
          "we are back home", "I am hungry", "good evening", "alright", "I am so tired",
          "my hands are full", "sorry to bother you"]
AFTER = [", I am tired", ", it is getting late", ", the kids are sleeping", ", my hands are full",
         ", guests are coming", ", we are hungry", ", I am in a hurry", ", that would be great",
         ", thank you", ", thanks a lot", " when you can", " right now", " right away",
         " if you can", " if possible", " already", ", my friend", ", it is important",
         ", I am expecting someone", ", we have to work"]
SHORT = [("it is", "it's"), ("i am", "i'm"), ("what is", "what's"), ("do not", "don't"),
         ("i would", "i'd"), ("we are", "we're"), ("let us", "let's"), ("i will", "i'll"),
         ("I am", "I'm")]


def polish(p, q):
    """Polite forms, asides, short forms, capital letters and final punctuation."""
    x = p.rng.random()
    question = re.match(r"(what|how|is|are|will|do|did|can|could|should|who|which)\b", q, re.I)
    imperative = re.match(
        r"(set|put|turn|bring|change|dim|lower|brighten|raise|make|switch|heat|warm|cool|stop|start|"
        r"cancel|delete|add|buy|remove|take|drop|play|pause|lock|unlock|open|close|shut|vacuum|clean|"
        r"send|have|remind|wake|tell|show|give|check|activate|run|order|book|write|call|find|read|"
        r"sing|teach|recommend|translate|pull|move|create|enable|dock|keep)\b", q)
    if imperative and x < 0.45:
        q = p.fill("(please {q}|{q} please|{q}, please|can you {q}|can you please {q}|could you {q}|"
                   "could you please {q}|would you {q}|hey, {q}|hi, {q}|i want you to {q}|"
                   "hello, please {q}|{q} for me|{q}, thanks|will you {q}|"
                   "{q} now|ok, {q}|now {q})", q=q)
        question = re.match(r"(can|could|would|will) you", q)
    elif x > 0.93:
        q = p.fill("(hey, {q}|hi, {q}|ok, {q}|{q}, thanks|hello, {q})", q=q)
    if imperative and p.rng.random() < 0.12:
        q = q + p.one(AFTER)
    elif p.rng.random() < 0.06:
        q = p.one(BEFORE) + ", " + q
    if p.rng.random() < 0.5:
        for long, short in SHORT:
            q = re.sub(rf"\b{long}\b", short, q)
    if p.rng.random() < 0.6:
        q = re.sub(r"\b(mon|tues|wednes|thurs|fri|satur|sun)day", lambda m: m[0].capitalize(), q)
        q = re.sub(r"\btv\b", "TV", q)
    if p.rng.random() < 0.15:
        q = re.sub(r"(?<=[0-9] )[ap]m\b", lambda m: m[0].upper(), q)
    elif p.rng.random() < 0.15:
        q = re.sub(r"(?<=[0-9]) (?=[ap]m\b)", "", q)
    if p.rng.random() < 0.4:
        q = q[0].upper() + q[1:]
        q = re.sub(r"\bi\b", "I", q)
    if p.rng.random() < 0.4:
        q += "?" if question else p.one("...!")
    return q


def tidy(text):
    text = re.sub(r"\b([Tt]he) (\w+'s room)", r"\2", text)
    return text.replace(" ,", ",")


def normal(text):
    return re.sub(r"[^a-z0-9%: ]", "", text.lower()).strip()


def is_heldout(request, action):
    slots = len(action) - 1
    key = json.dumps(action) if slots >= 2 else normal(request)
    return int(hashlib.sha256(key.encode()).hexdigest(), 16) % 12 == 0


def dump(action):
    return json.dumps(action, separators=(",", ":"), ensure_ascii=False)


def dialogue(request, reply, action):
    """The text of one dialogue, without BOS and EOS."""
    return f"User: {request}\nAssistant: {reply}\n{dump(action)}"


SMALL_TALK = ["hello", "hi", "hi there", "hey", "good evening", "good afternoon", "how are you",
              "thanks", "thank you", "are you there", "nice to meet you", "what can you do",
              "who are you", "help me", "I need help", "never mind that", "that is all", "yes", "no",
              "okay", "you are great", "sorry", "test", "do something", "anything new",
              "turn everything off", "turn everything on", "switch everything off",
              "turn off everything in the house"]


def final(rng, request, reply):
    """A request and its reply as they stand in the last training stage."""
    if rng.random() < 0.5:
        request = re.sub(rf"\b({'|'.join(TENS[2:])}) ({'|'.join(ONES[1:10])})\b", r"\1-\2", request)
    reply = re.sub("^(Sure|Done), ", "Okay, ", reply)
    reply = re.sub("^I added (.*) to the", r"Okay, \1 added to the", reply)
    reply = reply.replace("I will look up the weather", "Let me check the weather")
    reply = re.sub("^Sorry, .*", "Sorry, I can only help with the house.", reply)
    return request, reply


def small_talk(rng):
    q = rng.choice(SMALL_TALK) + rng.choice(["", "", ".", "!", "?"])
    return (q[0].upper() + q[1:] if rng.random() < 0.5 else q,
            "What can I do for you in the house?", {"action": "none"})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent / "build")
    parser.add_argument("--train", type=int, default=300_000)
    parser.add_argument("--heldout", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--final", action="store_true")
    args = parser.parse_args()

    p = Picker(random.Random(args.seed))
    train, heldout, seen = [], [], set()
    intents, weights = list(INTENTS), list(INTENTS.values())
    while len(train) < args.train or len(heldout) < args.heldout:
        intent = p.rng.choices(intents, weights)[0]
        request, reply, action = intent(p)
        request, reply = tidy(polish(p, request)), tidy(reply)
        if is_heldout(request, action):
            if len(heldout) < args.heldout and normal(request) not in seen:
                seen.add(normal(request))
                heldout.append({"intent": intent.__name__, "request": request, "reply": reply,
                                "action": action})
        elif len(train) < args.train:
            train.append((request, reply, action))
    assert not seen & {normal(request) for request, _, _ in train}

    if args.final:
        rng = random.Random(args.seed)
        train = [small_talk(rng) if rng.random() < 0.02 else (*final(rng, request, reply), action)
                 for request, reply, action in train]
        for item in heldout:
            item["request"], item["reply"] = final(rng, item["request"], item["reply"])

    args.out.mkdir(parents=True, exist_ok=True)
    with open(args.out / "train.txt", "w", encoding="utf-8") as f:
        for item in train:
            f.write(json.dumps(dialogue(*item), ensure_ascii=False) + "\n")
    with open(args.out / "heldout.jsonl", "w", encoding="utf-8") as f:
        for item in heldout:
            f.write(json.dumps(item, ensure_ascii=False) + "\n")
    print(f"{len(train)} training dialogues, {len({dump(a) for _, _, a in train})} distinct actions; "
          f"{len(heldout)} held-out requests")


if __name__ == "__main__":
    main()
