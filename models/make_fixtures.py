"""Write the reference fixtures under tests/fixtures.

    python models/make_fixtures.py tiny    # three tiny random checkpoints
    python models/make_fixtures.py demo    # reference values for models/demo

Every logits tensor comes from transformers' LlamaForCausalLM, run on the CPU
in float32 with eager attention, in one forward pass over the whole sequence.
Stored f16 and bf16 weights are upcast to float32 first. Nothing here uses the
Rust code, so the files are an independent oracle for it.
"""

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import AutoModelForCausalLM, AutoTokenizer

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "tests" / "fixtures"
DEMO = ROOT / "models" / "demo"
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}

TINY = {
    "tiny-tied-f32": dict(
        seed=1, dtype="float32", tied=True, heads=4, kv_heads=4, head_dim=16,
        theta=10000.0, shards=1),
    "tiny-untied-bf16": dict(
        seed=2, dtype="bfloat16", tied=False, heads=4, kv_heads=2, head_dim=16,
        theta=10000.0, shards=1),
    "tiny-gqa-f16-sharded": dict(
        seed=3, dtype="float16", tied=False, heads=8, kv_heads=1, head_dim=16,
        theta=500000.0, shards=3),
}
HIDDEN, LAYERS, INTER, VOCAB, LENGTH = 64, 2, 160, 256, 24

DEMO_PROMPTS = [
    "lock the back door",
    "dim the bedroom lights to 20 percent",
    "please remind me to water the plants at 6 pm",
    "hello there, could you set the heating in the living room to twenty-one "
    "degrees because it is rather cold in here tonight",
]

TOKEN_CASES = [
    "",
    " ",
    "\n",
    "hello",
    " hello",
    "dim the bedroom lights to 20 percent",
    "User: lock the front door\nAssistant:",
    'Sure.\n{"action":"set_light","room":"kitchen","level":40}',
    "two  spaces   and    more",
    "trailing space ",
    "line one\nline two\n\nline four\r\n\ttabbed",
    "it's, they'll, we've, I'M, don't",
    "1234567890 3.14 21°C 50% 06:30",
    "naïve café, Übergröße, señor, Łódź",
    "Привет, мир",
    "日本語のテキスト 你好",
    "مرحبا שלום",
    "lights 💡 on 👨\u200d👩\u200d👧 🇨🇭!",
    "e\u0301 versus \u00e9; nbsp\u00a0here; zero\u200bwidth",
    "<bos>literal special tokens<eos> and <pad>",
]


def byte_tokenizer():
    """A byte-level BPE tokenizer of exactly 256 entries.

    Thirteen byte values never occur in UTF-8 text; leaving them out makes room
    for two special tokens and eleven merges.
    """
    unused = {0xC0, 0xC1, *range(0xF5, 0x100)}
    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    chars, extra = {}, 0
    for byte in range(256):  # the usual GPT-2 table from bytes to characters
        if byte in visible:
            chars[byte] = chr(byte)
        else:
            chars[byte] = chr(256 + extra)
            extra += 1
    pieces = ["<bos>", "<eos>"] + [chars[b] for b in range(256) if b not in unused]
    space = chars[0x20]
    merges = [("t", "h"), ("th", "e"), (space, "the"), ("i", "n"), ("e", "r"), ("o", "n"),
              (space, "a"), (space, "t"), ("in", "g"), (space, "s"), ("l", "i")]
    pieces += [a + b for a, b in merges]
    vocab = {piece: i for i, piece in enumerate(pieces)}
    assert len(vocab) == VOCAB
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<bos>", "<eos>"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A", pair="<bos> $A <bos> $B", special_tokens=[("<bos>", 0)])
    return tokenizer


def random_weights(spec):
    gen = torch.Generator().manual_seed(spec["seed"])

    def matrix(rows, cols, std=0.15):
        return torch.randn(rows, cols, generator=gen) * std

    def norm():
        return 1.0 + 0.2 * torch.randn(HIDDEN, generator=gen)

    q, kv = spec["heads"] * spec["head_dim"], spec["kv_heads"] * spec["head_dim"]
    weights = {"model.embed_tokens.weight": matrix(VOCAB, HIDDEN, 0.25)}
    for i in range(LAYERS):
        p = f"model.layers.{i}."
        weights[p + "input_layernorm.weight"] = norm()
        weights[p + "self_attn.q_proj.weight"] = matrix(q, HIDDEN)
        weights[p + "self_attn.k_proj.weight"] = matrix(kv, HIDDEN)
        weights[p + "self_attn.v_proj.weight"] = matrix(kv, HIDDEN)
        weights[p + "self_attn.o_proj.weight"] = matrix(HIDDEN, q)
        weights[p + "post_attention_layernorm.weight"] = norm()
        weights[p + "mlp.gate_proj.weight"] = matrix(INTER, HIDDEN)
        weights[p + "mlp.up_proj.weight"] = matrix(INTER, HIDDEN)
        weights[p + "mlp.down_proj.weight"] = matrix(HIDDEN, INTER)
    weights["model.norm.weight"] = norm()
    if not spec["tied"]:
        weights["lm_head.weight"] = matrix(VOCAB, HIDDEN, 0.25)
    return {k: v.to(DTYPES[spec["dtype"]]).contiguous() for k, v in weights.items()}


def write_tiny(name, spec):
    folder = FIXTURES / name
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "architectures": ["LlamaForCausalLM"],
        "attention_bias": False,
        "attention_dropout": 0.0,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "head_dim": spec["head_dim"],
        "hidden_act": "silu",
        "hidden_size": HIDDEN,
        "initializer_range": 0.15,
        "intermediate_size": INTER,
        "max_position_embeddings": 128,
        "mlp_bias": False,
        "model_type": "llama",
        "num_attention_heads": spec["heads"],
        "num_hidden_layers": LAYERS,
        "num_key_value_heads": spec["kv_heads"],
        "rms_norm_eps": 1e-05,
        "rope_scaling": None,
        "rope_theta": spec["theta"],
        "tie_word_embeddings": spec["tied"],
        "torch_dtype": spec["dtype"],
        "use_cache": True,
        "vocab_size": VOCAB,
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    byte_tokenizer().save(str(folder / "tokenizer.json"))

    weights, n = random_weights(spec), spec["shards"]
    if n == 1:
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    else:
        names, index = list(weights), {}
        for i in range(n):
            part = names[i * len(names) // n:(i + 1) * len(names) // n]
            file = f"model-{i + 1:05}-of-{n:05}.safetensors"
            save_file({k: weights[k] for k in part}, folder / file, metadata={"format": "pt"})
            index.update({k: file for k in part})
        total = sum(w.numel() * w.element_size() for w in weights.values())
        (folder / "model.safetensors.index.json").write_text(json.dumps(
            {"metadata": {"total_size": total}, "weight_map": index}, indent=2) + "\n")

    model = load_f32(folder, spec["theta"], spec["head_dim"])
    gen = torch.Generator().manual_seed(100 + spec["seed"])
    ids = torch.randint(2, VOCAB, (LENGTH,), generator=gen)
    ids[0] = 0
    logits = forward(model, ids)
    save_file({"token_ids": ids, "logits": logits}, folder / "reference.safetensors")
    wide = forward(model.double(), ids)
    size = sum(f.stat().st_size for f in folder.iterdir())
    print(f"{name}: logits std {logits.std():.2f}, max {logits.abs().max():.2f}, "
          f"change under float64 weights {(wide - logits).abs().max():.1e}, {size} bytes")


def load_f32(folder, theta, head_dim):
    """Load with transformers as f32; check that it read the fields we rely on."""
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager").eval()
    assert type(model).__name__ == "LlamaForCausalLM"
    assert all(p.dtype == torch.float32 for p in model.parameters())
    expected = theta ** (-torch.arange(0, head_dim, 2).float() / head_dim)
    torch.testing.assert_close(model.model.rotary_emb.inv_freq, expected)
    return model


@torch.no_grad()
def forward(model, ids):
    return model(ids[None], use_cache=False).logits[0].contiguous()


@torch.no_grad()
def write_demo():
    tokenizer = AutoTokenizer.from_pretrained(DEMO)
    config = json.loads((DEMO / "config.json").read_text())
    model = load_f32(DEMO, config["rope_theta"], config["head_dim"])
    out = {}
    for i, prompt in enumerate(DEMO_PROMPTS):
        text = tokenizer.apply_chat_template(
            [{"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True)
        ids = tokenizer(text, add_special_tokens=False).input_ids
        prompt_len = len(ids)
        while len(ids) < 72 and ids[-1] != tokenizer.eos_token_id:
            ids.append(int(forward(model, torch.tensor(ids))[-1].argmax()))
        out[f"token_ids_{i}"] = torch.tensor(ids)
        out[f"prompt_len_{i}"] = torch.tensor([prompt_len])
        out[f"logits_{i}"] = forward(model, torch.tensor(ids))
        print(len(ids), json.dumps(tokenizer.decode(ids)))
    save_file(out, FIXTURES / "demo-reference.safetensors")

    cases = [{"text": t, "ids": tokenizer(t, add_special_tokens=True).input_ids}
             for t in TOKEN_CASES]
    assert len(cases) == 20
    lines = ",\n".join(json.dumps(c, ensure_ascii=False) for c in cases)
    (FIXTURES / "demo-tokens.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["tiny", "demo"])
    what = parser.parse_args().what
    torch.set_num_threads(1)
    if what == "tiny":
        for name, spec in TINY.items():
            write_tiny(name, spec)
    else:
        write_demo()


if __name__ == "__main__":
    main()
