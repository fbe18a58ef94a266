"""Train the demo model on the text of make_text.py.

    python models/make_text.py
    python models/train.py --out models/build/try

Reads models/build/train.txt and writes a model folder (models/demo by default).
make_demo.sh has the runs that gave the committed one.
The weights are rounded to bf16 when they are saved, so evaluate.py scores the
very numbers that are shipped.
"""

import argparse
import json
import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import LlamaConfig, LlamaForCausalLM

HERE = Path(__file__).resolve().parent
BOS, EOS, PAD = 0, 1, 2
SPECIAL = ["<bos>", "<eos>", "<pad>"]
CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "bos_token_id": BOS,
    "eos_token_id": EOS,
    "head_dim": 32,
    "hidden_act": "silu",
    "hidden_size": 128,
    "initializer_range": 0.02,
    "intermediate_size": 352,
    "max_position_embeddings": 512,
    "mlp_bias": False,
    "model_type": "llama",
    "num_attention_heads": 4,
    "num_hidden_layers": 5,
    "num_key_value_heads": 2,
    "pad_token_id": PAD,
    "rms_norm_eps": 1e-05,
    "rope_scaling": None,
    "rope_theta": 10000.0,
    "tie_word_embeddings": True,
    "torch_dtype": "bfloat16",
    "use_cache": True,
    "vocab_size": 1024,
}
CHAT_TEMPLATE = (
    "{{ bos_token }}"
    "{% for message in messages %}"
    "{% if message['role'] == 'user' %}"
    "{{ 'User: ' + message['content'] + '\\n' }}"
    "{% elif message['role'] == 'assistant' %}"
    "{{ 'Assistant: ' + message['content'] + eos_token }}"
    "{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)


def train_tokenizer(dialogues):
    """Byte-level BPE. Digits are kept apart while the merges are learned, so no
    merge joins two digits and every number is written digit by digit."""
    tokenizer = Tokenizer(models.BPE())
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), byte_level])
    tokenizer.train_from_iterator(dialogues, trainers.BpeTrainer(
        vocab_size=CONFIG["vocab_size"], special_tokens=SPECIAL, show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet())))
    tokenizer.pre_tokenizer = byte_level
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A", pair="<bos> $A <bos> $B", special_tokens=[("<bos>", BOS)])
    assert tokenizer.get_vocab_size() == CONFIG["vocab_size"]
    return tokenizer


def write_folder(out, tokenizer, model):
    out.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(out / "tokenizer.json"))
    files = {
        "config.json": CONFIG,
        "generation_config.json": {
            "bos_token_id": BOS, "eos_token_id": EOS, "pad_token_id": PAD, "do_sample": False},
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<bos>",
            "eos_token": "<eos>", "pad_token": "<pad>", "clean_up_tokenization_spaces": False,
            "model_max_length": CONFIG["max_position_embeddings"],
            "chat_template": CHAT_TEMPLATE},
    }
    for name, value in files.items():
        (out / name).write_text(json.dumps(value, indent=2) + "\n")
    weights = {name: w.detach().to(torch.bfloat16).contiguous()
               for name, w in model.named_parameters()}  # the tied head is listed once
    save_file(weights, out / "model.safetensors", metadata={"format": "pt"})


def batches(tokens, size, generator):
    """Endless batches of dialogues of similar length, in a seeded random order."""
    while True:
        order = torch.randperm(len(tokens), generator=generator).tolist()
        for start in range(0, len(order) - size * 32 + 1, size * 32):
            pool = sorted(order[start:start + size * 32], key=lambda i: len(tokens[i]))
            for b in torch.randperm(32, generator=generator).tolist():
                yield [tokens[i] for i in pool[b * size:(b + 1) * size]]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", type=Path, default=HERE / "build" / "train.txt")
    parser.add_argument("--out", type=Path, default=HERE / "demo")
    parser.add_argument("--steps", type=int, default=8500, help="length of the schedule")
    parser.add_argument("--stop", type=int, help="stop at this step, before the schedule ends")
    parser.add_argument("--init", type=Path, help="folder of an earlier run to go on from")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--save-every", type=int, default=1000)
    args = parser.parse_args()
    stop = min(args.stop or args.steps, args.steps)
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    generator = torch.Generator().manual_seed(args.seed)

    dialogues = [json.loads(line) for line in open(args.text, encoding="utf-8")]
    if args.init:
        tokenizer = Tokenizer.from_file(str(args.init / "tokenizer.json"))
    else:
        tokenizer = train_tokenizer(dialogues[:50_000])
    tokens = [[BOS] + e.ids + [EOS]
              for e in tokenizer.encode_batch(dialogues, add_special_tokens=False)]
    # The loss covers what the assistant says: everything after "\nAssistant:".
    marker = tokenizer.encode("\nAssistant:", add_special_tokens=False).ids
    print(f"{len(tokens)} dialogues, {sum(map(len, tokens)) / len(tokens):.1f} tokens each")

    model = LlamaForCausalLM(LlamaConfig(**CONFIG, attn_implementation="sdpa"))
    if args.init:
        model.load_state_dict(load_file(args.init / "model.safetensors"), strict=False)
    print(f"{sum(p.numel() for p in model.parameters())} parameters")
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, betas=(0.9, 0.98),
                                  weight_decay=0.05)
    warmup = 200
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min(
        (s + 1) / warmup,
        0.5 * (1 + torch.cos(torch.tensor(torch.pi * min(s / args.steps, 1.0))).item()) + 1e-3))

    start, total, stream = time.time(), 0.0, batches(tokens, args.batch, generator)
    for step in range(1, stop + 1):
        batch = next(stream)
        width = max(map(len, batch))
        ids = torch.tensor([t + [PAD] * (width - len(t)) for t in batch])
        wanted = torch.zeros_like(ids, dtype=torch.bool)
        for row, t in enumerate(batch):
            at = next(i for i in range(len(t)) if t[i:i + len(marker)] == marker)
            wanted[row, at + len(marker):len(t)] = True
        # Padding stands on the right and attention is causal: no mask is needed.
        hidden = model.model(ids[:, :-1], use_cache=False).last_hidden_state[wanted[:, 1:]]
        loss = torch.nn.functional.cross_entropy(model.lm_head(hidden), ids[:, 1:][wanted[:, 1:]])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        total += loss.item()
        if step % 100 == 0:
            print(f"step {step} loss {total / 100:.4f} {time.time() - start:.0f} s", flush=True)
            total = 0.0
        if step % args.save_every == 0 or step == stop:
            write_folder(args.out, tokenizer, model)


if __name__ == "__main__":
    main()
