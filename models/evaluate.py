"""Score the demo model with greedy decoding, from its committed files.

    python models/make_text.py --final
    python models/evaluate.py

Counts how often the action JSON equals the expected one exactly, on the
held-out requests of make_text.py and on the hand-written ones of freeform.jsonl.
"""

import argparse
import json
from collections import Counter, defaultdict
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

HERE = Path(__file__).resolve().parent


def answers(model, tokenizer, requests, max_new_tokens=96):
    """Greedy answers; prompts of equal length share a batch, so nothing is padded."""
    groups, out = defaultdict(list), {}
    for i, request in enumerate(requests):
        text = tokenizer.apply_chat_template(
            [{"role": "user", "content": request}], tokenize=False, add_generation_prompt=True)
        ids = tokenizer(text, add_special_tokens=False).input_ids
        groups[len(ids)].append((i, ids))
    for length, group in groups.items():
        ids = torch.tensor([ids for _, ids in group])
        done = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids),
                              do_sample=False, max_new_tokens=max_new_tokens)
        for (i, _), row in zip(group, done):
            out[i] = tokenizer.decode(row[length:], skip_special_tokens=True)
    return [out[i].removeprefix(" ") for i in range(len(requests))]


def split(answer):
    sentence, _, action = answer.partition("\n")
    return sentence, action


def score(name, model, tokenizer, items, show):
    results = answers(model, tokenizer, [item["request"] for item in items])
    right, seen, sentences = Counter(), Counter(), 0
    for item, answer in zip(items, results):
        sentence, action = split(answer)
        expected = json.dumps(item["action"], separators=(",", ":"), ensure_ascii=False)
        intent = item.get("intent", "all")
        seen[intent] += 1
        right[intent] += action == expected
        sentences += sentence == item.get("reply")
        if show == "all" or show == "wrong" and action != expected:
            print(f"{'ok ' if action == expected else 'BAD'} {item['request']}\n"
                  f"      {sentence}\n      {action}")
    n = len(items)
    print(f"{name}: {sum(right.values())} of {n} actions exact "
          f"({100 * sum(right.values()) / n:.1f} %)")
    if len(seen) > 1:
        print(f"  sentence also word for word: {sentences}")
        print("  " + ", ".join(f"{k} {right[k]}/{seen[k]}" for k in sorted(seen)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=HERE / "demo")
    parser.add_argument("--heldout", type=Path, default=HERE / "build" / "heldout.jsonl")
    parser.add_argument("--show", choices=["none", "wrong", "all"], default="none")
    parser.add_argument("--ask", help="only print the answer to this request")
    args = parser.parse_args()
    torch.set_num_threads(2)
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32).eval()
    if args.ask is not None:
        print(answers(model, tokenizer, [args.ask])[0])
        return
    for name, path in [("held-out", args.heldout), ("hand-written", HERE / "freeform.jsonl")]:
        items = [json.loads(line) for line in open(path, encoding="utf-8")]
        score(name, model, tokenizer, items, args.show)


if __name__ == "__main__":
    main()
