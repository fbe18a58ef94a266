"""Write the reference fixtures under tests/fixtures.

    python models/make_fixtures.py tiny        # three tiny random checkpoints
    python models/make_fixtures.py variants    # six more, of the options in the wild
    python models/make_fixtures.py demo        # reference values for models/demo

Every logits tensor comes from transformers' LlamaForCausalLM, run on the CPU
in float32 with eager attention, in one forward pass over the whole sequence.
Stored f16 and bf16 weights are upcast to float32 first. Nothing here uses the
Rust code, so the files are an independent oracle for it.

The reference of a variant also holds `inv_freq` (f32, [head_dim / 2]) and
`attention_factor` (f64, [1]), both as transformers computed them. The four
`tiny-rope-*` share their weights; their scaling starts at 32 positions and
their references are 48 long, but for `dynamic`: see `explain_dynamic`.
`rope-cases.json` holds the same two values for many more configurations.
"""

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig, LlamaConfig
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

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

LLAMA3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=32)
SMALL = dict(dtype="bfloat16", tied=True, heads=4, kv_heads=2, head_dim=16, theta=10000.0,
             layers=1, inter=96, context=128, length=48)
VARIANTS = {
    "tiny-rope-linear": dict(SMALL, seed=4, scaling={"type": "linear", "factor": 4.0}),
    "tiny-rope-dynamic": dict(
        SMALL, seed=4, context=32, length=32, scaling={"rope_type": "dynamic", "factor": 4.0}),
    "tiny-rope-llama3": dict(SMALL, seed=4, scaling=LLAMA3),
    "tiny-rope-yarn": dict(SMALL, seed=4, scaling={
        "rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32}),
    "tiny-biases": dict(SMALL, seed=5, tied=False, layers=2, inter=64, length=24, biases=True),
    "tiny-new-config": dict(SMALL, seed=6, scaling=LLAMA3, new_style=True),
}

YARN = dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=64)
# head_dim, max_position_embeddings, and the fields of a config.json about rotary embeddings.
ROPE_CASES = [
    (16, 128, {}),
    (16, 128, {"rope_theta": 500000.0, "rope_scaling": None}),
    (64, 4096, {"rope_theta": 10000.0, "rope_scaling": {"type": "linear", "factor": 2.5}}),
    (32, 4096, {"rope_parameters": {"rope_type": "linear", "factor": 8, "rope_theta": 26000.0}}),
    (32, 2048, {"rope_scaling": {"type": "dynamic", "factor": 2.0}}),
    (64, 131072, {"rope_theta": 500000.0, "rope_scaling": {
        "rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192}}),
    (32, 131072, {"rope_parameters": {
        "rope_type": "llama3", "rope_theta": 1e6, "factor": 8, "low_freq_factor": 1.5,
        "high_freq_factor": 3, "original_max_position_embeddings": 4096}}),
    (64, 512, {"original_max_position_embeddings": 128, "rope_scaling": {
        "rope_type": "llama3", "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}}),
    (64, 8192, {"rope_theta": 500000.0, "rope_scaling": {
        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}}),
    (64, 131072, {"rope_theta": 1e6, "rope_scaling": dict(
        YARN, original_max_position_embeddings=32768)}),
    (64, 256, {"rope_scaling": YARN}),
    (32, 256, {"rope_scaling": dict(YARN, attention_factor=0.75)}),
    (32, 256, {"rope_scaling": dict(YARN, mscale=1.0, mscale_all_dim=0.707)}),
    (32, 256, {"rope_scaling": dict(YARN, mscale=0.8, mscale_all_dim=0.8)}),
    (32, 256, {"rope_scaling": dict(YARN, mscale=0.8)}),
    (32, 256, {"rope_scaling": dict(YARN, mscale=0.8, mscale_all_dim=0)}),
    (64, 256, {"rope_scaling": dict(YARN, beta_fast=16, beta_slow=2.5)}),
    (64, 256, {"rope_scaling": dict(YARN, truncate=False)}),
    (64, 256, {"rope_scaling": dict(YARN, truncate=None)}),
    (64, 256, {"rope_parameters": dict(YARN, factor=1.0, rope_theta=10000.0)}),
    # The ramp's two ends fall together.
    (16, 64, {"rope_scaling": dict(YARN, original_max_position_embeddings=4)}),
    (64, 1024, {"rope_scaling": {"rope_type": "yarn", "factor": 2.0}}),
]

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
    inter = spec.get("inter", INTER)

    def matrix(rows, cols, std=0.15):
        return torch.randn(rows, cols, generator=gen) * std

    def norm():
        return 1.0 + 0.2 * torch.randn(HIDDEN, generator=gen)

    q, kv = spec["heads"] * spec["head_dim"], spec["kv_heads"] * spec["head_dim"]
    weights = {"model.embed_tokens.weight": matrix(VOCAB, HIDDEN, 0.25)}
    for i in range(spec.get("layers", LAYERS)):
        p = f"model.layers.{i}."
        weights[p + "input_layernorm.weight"] = norm()
        weights[p + "self_attn.q_proj.weight"] = matrix(q, HIDDEN)
        weights[p + "self_attn.k_proj.weight"] = matrix(kv, HIDDEN)
        weights[p + "self_attn.v_proj.weight"] = matrix(kv, HIDDEN)
        weights[p + "self_attn.o_proj.weight"] = matrix(HIDDEN, q)
        weights[p + "post_attention_layernorm.weight"] = norm()
        weights[p + "mlp.gate_proj.weight"] = matrix(inter, HIDDEN)
        weights[p + "mlp.up_proj.weight"] = matrix(inter, HIDDEN)
        weights[p + "mlp.down_proj.weight"] = matrix(HIDDEN, inter)
    weights["model.norm.weight"] = norm()
    if not spec["tied"]:
        weights["lm_head.weight"] = matrix(VOCAB, HIDDEN, 0.25)
    if spec.get("biases"):
        for name in [name for name in weights if "_proj." in name]:
            rows = weights[name].shape[0]
            weights[name.replace(".weight", ".bias")] = 0.5 * torch.randn(rows, generator=gen)
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


def variant_config(spec):
    """A config.json in the style of transformers before version 5."""
    biases = spec.get("biases", False)
    return {
        "architectures": ["LlamaForCausalLM"],
        "attention_bias": biases,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "head_dim": spec["head_dim"],
        "hidden_act": "silu",
        "hidden_size": HIDDEN,
        "intermediate_size": spec["inter"],
        "max_position_embeddings": spec["context"],
        "mlp_bias": biases,
        "model_type": "llama",
        "num_attention_heads": spec["heads"],
        "num_hidden_layers": spec["layers"],
        "num_key_value_heads": spec["kv_heads"],
        "rms_norm_eps": 1e-05,
        "rope_scaling": spec.get("scaling"),
        "rope_theta": spec["theta"],
        "tie_word_embeddings": spec["tied"],
        "torch_dtype": spec["dtype"],
        "vocab_size": VOCAB,
    }


def write_variant(name, spec):
    folder = FIXTURES / name
    folder.mkdir(parents=True, exist_ok=True)
    config = variant_config(spec)
    tokenizer = byte_tokenizer()
    if spec.get("new_style"):
        # As transformers 5 writes it: `rope_parameters` and `dtype`; several stop tokens.
        LlamaConfig(**config).save_pretrained(folder)
        written = json.loads((folder / "config.json").read_text())
        assert "rope_theta" not in written and "rope_scaling" not in written
        assert written["rope_parameters"]["rope_theta"] == spec["theta"]
        assert written["dtype"] == spec["dtype"]
        GenerationConfig(bos_token_id=0, eos_token_id=[1, 7, 9]).save_pretrained(folder)
        prompts(folder, tokenizer)
        tokenizer.enable_padding(length=40, pad_id=1, pad_token="<eos>")
        tokenizer.enable_truncation(max_length=12)
    else:
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    tokenizer.save(str(folder / "tokenizer.json"))
    tokenizer_json = json.loads((folder / "tokenizer.json").read_text())
    assert tokenizer_json["model"]["merges"][0] == ["t", "h"]
    assert (tokenizer_json["padding"] is not None) == spec.get("new_style", False)
    if not spec.get("new_style"):
        # The older form of merges: two pieces in one string.
        merges = tokenizer_json["model"]["merges"]
        tokenizer_json["model"]["merges"] = [" ".join(pair) for pair in merges]
        (folder / "tokenizer.json").write_text(
            json.dumps(tokenizer_json, indent=2, ensure_ascii=False), encoding="utf-8")
        assert Tokenizer.from_file(str(folder / "tokenizer.json")).encode(" the").ids == \
            byte_tokenizer().encode(" the").ids
    save_file(random_weights(spec), folder / "model.safetensors", metadata={"format": "pt"})

    model = load(folder)
    rope = model.model.rotary_emb
    scaling = spec.get("scaling") or {}
    assert rope.rope_type == scaling.get("rope_type", scaling.get("type", "default"))
    inv_freq, factor = rope.inv_freq.clone(), float(rope.attention_scaling)
    gen = torch.Generator().manual_seed(100 + spec["seed"])
    ids = torch.randint(2, VOCAB, (48,), generator=gen)
    ids[0] = 0
    longer, ids = ids, ids[:spec["length"]]
    logits = forward(model, ids)
    save_file({
        "token_ids": ids,
        "logits": logits,
        "inv_freq": inv_freq,
        "attention_factor": torch.tensor([factor], dtype=torch.float64),
    }, folder / "reference.safetensors")
    assert torch.equal(inv_freq, rope.inv_freq)
    size = sum(f.stat().st_size for f in folder.iterdir())
    print(f"{name}: logits std {logits.std():.2f}, attention factor {factor:.4f}, {size} bytes")
    if rope.rope_type == "dynamic":
        explain_dynamic(folder, longer)


def prompts(folder, tokenizer):
    """What a tokenizer gives without the padding and truncation that its file will hold."""
    cases = [{"text": t, "ids": tokenizer.encode(t).ids} for t in ["", *DEMO_PROMPTS]]
    lines = ",\n".join(json.dumps(c, ensure_ascii=False) for c in cases)
    (folder / "prompts.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


@torch.no_grad()
def explain_dynamic(folder, ids):
    """Show why a dynamic context ends at max_position_embeddings.

    Beyond it, transformers derives all frequencies from the present length. One pass over n
    tokens then turns all keys by those of n; a cache keeps keys that were turned by the
    frequencies of the lengths at which they were new. The two disagree, so there is no one
    right answer. Up to max_position_embeddings both are the unscaled embedding, to the bit.
    """
    plain = load(folder)
    plain.config.rope_parameters = {"rope_type": "default", "rope_theta": 10000.0}
    plain.model.rotary_emb = LlamaRotaryEmbedding(plain.config)
    limit = plain.config.max_position_embeddings
    assert torch.equal(forward(plain, ids[:limit]), forward(load(folder), ids[:limit]))
    whole = forward(load(folder), ids)
    model, cache, cached = load(folder), None, []
    for token in ids:
        out = model(token[None, None], past_key_values=cache, use_cache=True)
        cache = out.past_key_values
        cached.append(out.logits[0, 0])
    cached, error = torch.stack(cached), lambda a, b: ((a - b).pow(2).mean() / b.var()).sqrt()
    print(f"  dynamic: cached decoding differs from one pass over {len(ids)} tokens by "
          f"{error(cached[:limit], whole[:limit]):.2e} up to {limit} and "
          f"{error(cached[limit:], whole[limit:]):.2e} beyond; from one pass over {limit} by "
          f"{error(cached[:limit], forward(plain, ids[:limit])):.2e}")


def write_rope_cases():
    cases = []
    for head_dim, context, fields in ROPE_CASES:
        heads = HIDDEN // head_dim
        shape = dict(head_dim=head_dim, num_attention_heads=heads, num_key_value_heads=heads,
                     max_position_embeddings=context)
        config = LlamaConfig(hidden_size=HIDDEN, **shape, **json.loads(json.dumps(fields)))
        rope = LlamaRotaryEmbedding(config)
        cases.append({"config": {**shape, **fields}, "attention_factor": rope.attention_scaling,
                      "inv_freq": rope.inv_freq.tolist()})
    lines = ",\n".join(json.dumps(case) for case in cases)
    (FIXTURES / "rope-cases.json").write_text(f"[\n{lines}\n]\n")


def load(folder):
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager").eval()
    assert type(model).__name__ == "LlamaForCausalLM"
    assert all(p.dtype == torch.float32 for p in model.parameters())
    return model


def load_f32(folder, theta, head_dim):
    """Load with transformers as f32; check that it read the fields we rely on."""
    model = load(folder)
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
    parser.add_argument("what", choices=["tiny", "variants", "demo"])
    what = parser.parse_args().what
    torch.set_num_threads(1)
    if what == "tiny":
        for name, spec in TINY.items():
            write_tiny(name, spec)
    elif what == "variants":
        for name, spec in VARIANTS.items():
            write_variant(name, spec)
        write_rope_cases()
    else:
        write_demo()


if __name__ == "__main__":
    main()
