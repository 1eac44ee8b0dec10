"""One training step of projection + LoRA: pandagpt-train beside PyTorch + peft, same captions, one run.

    pip install torch transformers peft gguf
    python bench/train_llm.py --trainer build/release/src/train/pandagpt-train

Base: SmolLM2-135M (models/panda-mini/llm.gguf), LoRA r 32 on q, k, v, o, dropout 0.1, 65 captions of
13 pictures a step, loss on answer tokens. PyTorch gets padded sequences and computes logits only where
there is a label; it runs in f32 and under bf16 autocast. pandagpt-train gets the same conversations
and packs them. tokens/s count every token of every conversation, without padding, whether or not the
trainer had to compute it: the same captions a second give the same tokens a second.
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import tempfile
import time

import gguf  # noqa: F401  (transformers reads GGUF through it)
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoTokenizer, LlamaForCausalLM

ROOT = pathlib.Path(__file__).resolve().parents[1]
QUESTION = "What is in this photo?"
N_PICTURES, N_ANSWERS, N_IN = 13, 5, 1280


def captions():
    """13 x 5 invented captions (the fixture of the caption metrics)."""
    data = json.loads((ROOT / "tests/fixtures/caption_metrics/captions.json").read_text())
    return [case["references"][:N_ANSWERS] for case in data["cases"][:N_PICTURES]]


def run_ours(trainer, steps, threads):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        photos = sorted((ROOT / "tests/fixtures/encoders").glob("photo_*.png"))
        entries = []
        for i, answers in enumerate(captions()):
            shutil.copy(photos[i % len(photos)], folder / f"{i}.png")
            entries += [{"image_name": f"{i}.png", "conversation": [
                {"from": "human", "value": QUESTION}, {"from": "gpt", "value": a}]} for a in answers]
        (folder / "data.json").write_text(json.dumps(entries))
        command = [trainer, "llm", "--data", folder / "data.json", "--images", folder, "--out", folder / "out",
                   "--epochs", str(steps), "--batch-size", "64", "--answers-per-group", str(N_ANSWERS),
                   "--save-every", "1000000", "--threads", str(threads)]
        subprocess.run([str(c) for c in command], check=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        lines = [json.loads(l) for l in (folder / "out/metrics.jsonl").read_text().splitlines()]
        return [(l["seconds"], l["tokens"]) for l in lines if "seconds" in l]


def torch_batch(tokenizer, embed):
    before = [1] + tokenizer.encode("### Human: <Img>", add_special_tokens=False)
    prompt = tokenizer.encode(f"</Img> {QUESTION}\n### Assistant:", add_special_tokens=False)
    rows = []
    for picture, answers in enumerate(captions()):
        for answer in answers:
            tail = tokenizer.encode(f" {answer}\n###", add_special_tokens=False)
            rows.append((picture, before + [0] + prompt + tail, len(tail)))
    longest = max(len(r[1]) for r in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    mask = torch.zeros(len(rows), longest, dtype=torch.long)
    labels = torch.zeros(len(rows), longest, dtype=torch.bool)
    for i, (_, tokens, n_answer) in enumerate(rows):
        ids[i, : len(tokens)] = torch.tensor(tokens)
        mask[i, : len(tokens)] = 1
        labels[i, len(tokens) - n_answer : len(tokens)] = True
    return ids, mask, labels, torch.tensor([r[0] for r in rows]), len(before), int(mask.sum())


def run_torch(llm, steps, bf16):
    tokenizer = AutoTokenizer.from_pretrained(llm.parent, gguf_file=llm.name)
    base = LlamaForCausalLM.from_pretrained(llm.parent, gguf_file=llm.name, dtype=torch.float32)
    model = get_peft_model(base, LoraConfig(r=32, lora_alpha=32, lora_dropout=0.1, bias="none",
                                            target_modules=["q_proj", "k_proj", "v_proj", "o_proj"]))
    projector = torch.nn.Linear(N_IN, base.config.hidden_size)
    parameters = [p for p in model.parameters() if p.requires_grad] + list(projector.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, betas=(0.9, 0.95), weight_decay=1e-3)
    embed = model.get_input_embeddings()
    ids, mask, labels, picture, image_at, n_tokens = torch_batch(tokenizer, embed)
    features = torch.randn(N_PICTURES, N_IN)
    model.train()
    seconds = []
    for _ in range(steps):
        start = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            x = embed(ids).detach().clone()
            x[:, image_at] = projector(features)[picture].to(x.dtype)
            hidden = base.model(inputs_embeds=x, attention_mask=mask, use_cache=False).last_hidden_state
            keep = labels[:, 1:]
            logits = base.lm_head(hidden[:, :-1][keep])
            loss = torch.nn.functional.cross_entropy(logits.float(), ids[:, 1:][keep])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        seconds.append(time.perf_counter() - start)
    return seconds, n_tokens, int(labels[:, 1:].sum())


def peak_gflops(dtype):
    """What the machine reaches on a large square product: oneDNN through torch, in this run."""
    a, b = (torch.randn(2048, 2048).to(dtype) for _ in range(2))
    best = min(timed(lambda: a @ b) for _ in range(8))
    return 2 * 2048**3 / best / 1e9


def timed(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def step_gflop(llm, n_positions, n_labels):
    """Matrix products of a step: every frozen weight forwards and for the gradient of its input (at
    all laid-down positions; the output matrix at labels), LoRA's forwards and twice backwards."""
    config = LlamaForCausalLM.config_class.from_pretrained(llm.parent, gguf_file=llm.name)
    width, kv = config.hidden_size, config.num_key_value_heads * config.head_dim
    layer = 2 * width * width + 2 * width * kv + 3 * width * config.intermediate_size
    lora = 32 * (4 * 2 * width - 2 * (width - kv))
    n_layers = config.num_hidden_layers
    return (4 * n_layers * layer * n_positions + 6 * n_layers * lora * n_positions
            + 4 * config.vocab_size * width * n_labels) / 1e9


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trainer", default=ROOT / "build/release/src/train/pandagpt-train")
    parser.add_argument("--llm", type=pathlib.Path, default=ROOT / "models/panda-mini/llm.gguf")
    parser.add_argument("--steps", type=int, default=4, help="the first is not counted")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    results = {}
    for name, bf16 in (("PyTorch + peft, bf16 autocast", True), ("PyTorch + peft, f32", False)):
        seconds, n_tokens, n_labels = run_torch(args.llm, args.steps, bf16)
        results[name] = min(seconds[1:])
    results["pandagpt-train"], n_positions = min(run_ours(args.trainer, args.steps, args.threads)[1:])
    peak = peak_gflops(torch.bfloat16)
    reached = step_gflop(args.llm, n_positions, n_labels) / results["pandagpt-train"]
    best = min(v for k, v in results.items() if k.startswith("PyTorch"))
    n_captions = N_PICTURES * N_ANSWERS
    print(f"torch {torch.__version__}, {args.threads} threads, {n_captions} captions, {n_tokens} tokens a step, best step of {args.steps - 1}")
    for name, seconds in results.items():
        print(f"{name:32} {seconds:7.2f} s/step {n_tokens / seconds:8.0f} tokens/s {n_captions / seconds:6.1f} captions/s  {best / seconds:5.2f}x")
    print(f"pandagpt-train lays down {n_positions} positions for them: {reached:.0f} GFLOP/s of matrix products, "
          f"{reached / peak:.0%} of the {peak:.0f} that a bf16 product of 2048 x 2048 reaches")


if __name__ == "__main__":
    main()
