"""Regenerates tests/fixtures/train: a tiny LLaMA with peft LoRA, and what PyTorch computes on it.

    pip install torch transformers peft gguf numpy
    python tools/reference/make_train_fixtures.py

Writes tiny_llama.gguf (f32 base), and reference.gguf with the inputs (LoRA, projector, picture
features, token sequences, labels) and results (loss, logits at the labels, every gradient, and the
losses of 20 AdamW steps). Conversations about one picture are given to PyTorch as separate padded
sequences: the trainer under test packs them with a shared prefix instead and has to agree.
"""

import argparse
import pathlib

import gguf
import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

N_LAYER, N_EMBD, N_HEAD, N_HEAD_KV, N_FF, N_VOCAB = 2, 32, 4, 2, 48, 259
N_IN, RANK, ALPHA = 12, 4, 8
IMAGE_TOKEN = -1
STEPS, LR, WARMUP, WEIGHT_DECAY, CLIP = 20, 1e-2, 0.1, 1e-3, 1.0


def to_gguf_rows(weight: torch.Tensor, n_head: int) -> torch.Tensor:
    """Rows of a q or k matrix from Hugging Face's rotary order (halves) to GGUF's (pairs)."""
    rows = weight.shape[0]
    return weight.reshape(n_head, 2, rows // n_head // 2, -1).swapaxes(1, 2).reshape(weight.shape)


def base_model() -> LlamaForCausalLM:
    torch.manual_seed(7)
    model = LlamaForCausalLM(LlamaConfig(
        vocab_size=N_VOCAB, hidden_size=N_EMBD, intermediate_size=N_FF, num_hidden_layers=N_LAYER,
        num_attention_heads=N_HEAD, num_key_value_heads=N_HEAD_KV, rms_norm_eps=1e-5,
        rope_theta=10000.0, tie_word_embeddings=False, attn_implementation="eager")).float()
    with torch.no_grad():  # larger than the default, so that attention and gates are not near-linear
        for name, parameter in model.named_parameters():
            parameter.normal_(1.0 if "norm" in name else 0.0, 0.2)
    return model


def write_base(model: LlamaForCausalLM, path: pathlib.Path) -> None:
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(N_LAYER)
    writer.add_context_length(256)
    writer.add_embedding_length(N_EMBD)
    writer.add_feed_forward_length(N_FF)
    writer.add_head_count(N_HEAD)
    writer.add_head_count_kv(N_HEAD_KV)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_dimension_count(N_EMBD // N_HEAD)
    writer.add_vocab_size(N_VOCAB)
    # bytes only, so that llama.cpp loads the file; the fixture itself speaks in token numbers
    writer.add_tokenizer_model("llama")
    writer.add_token_list(["<unk>", "<s>", "</s>"] + [f"<0x{i:02X}>" for i in range(256)])
    writer.add_token_scores([0.0] * N_VOCAB)
    writer.add_token_types([2, 3, 3] + [6] * 256)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    names = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
             "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
             "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm",
             "post_attention_layernorm": "ffn_norm"}
    state = model.state_dict()
    add = lambda name, tensor: writer.add_tensor(name, tensor.contiguous().numpy().astype(np.float32))
    add("token_embd.weight", state["model.embed_tokens.weight"])
    add("output_norm.weight", state["model.norm.weight"])
    add("output.weight", state["lm_head.weight"])
    for i in range(N_LAYER):
        for theirs, ours in names.items():
            weight = state[f"model.layers.{i}.{theirs}.weight"]
            if ours in ("attn_q", "attn_k"):
                weight = to_gguf_rows(weight, N_HEAD if ours == "attn_q" else N_HEAD_KV)
            add(f"blk.{i}.{ours}.weight", weight)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def conversations(rng: np.random.Generator):
    """(inputs, tokens, is_label), inputs as (picture, weight): three answers about picture 0, one about 1,
    two turns about 2, one about the weighted sum of 0 and 2, one about text alone."""
    word = lambda n: rng.integers(3, N_VOCAB, n).tolist()
    before, result = word(3), []
    for picture, answers in ((0, [5, 3, 7]), (1, [4]), (2, [3, 6])):
        question = word(4)
        prompt = [1] + before + [IMAGE_TOKEN] + question
        if picture < 2:
            for n in answers:
                answer = word(n)
                result.append(([(picture, 1.0)], prompt + answer, [0] * len(prompt) + [1] * n))
        else:  # one conversation of two turns
            tokens, labels = list(prompt), [0] * len(prompt)
            for n in answers:
                answer, following = word(n), word(2)
                tokens += answer + following
                labels += [1] * n + [0] * len(following)
            result.append(([(picture, 1.0)], tokens, labels))
    for inputs in ([(0, 1.0), (2, 0.5)], []):
        prompt = [1] + before + [IMAGE_TOKEN] * bool(inputs) + word(3)
        result.append((inputs, prompt + word(4), [0] * len(prompt) + [1] * 4))
    return result


def loss_and_logits(model, projector, features, data):
    embed = model.get_input_embeddings()
    longest = max(len(tokens) for _, tokens, _ in data)
    rows, masks, targets = [], [], []
    projected = projector(features)
    for inputs, tokens, labels in data:
        pad = longest - len(tokens)
        ids = torch.tensor([max(t, 0) for t in tokens] + [0] * pad)
        is_image = torch.tensor([t == IMAGE_TOKEN for t in tokens] + [False] * pad)
        image = sum((weight * projected[picture] for picture, weight in inputs), torch.zeros(N_EMBD))
        rows.append(torch.where(is_image[:, None], image[None], embed(ids)))
        masks.append(torch.tensor([1] * len(tokens) + [0] * pad))
        targets.append(torch.tensor([t if l else -100 for t, l in zip(tokens, labels)] + [-100] * pad))
    targets = torch.stack(targets)
    out = model(inputs_embeds=torch.stack(rows), attention_mask=torch.stack(masks), labels=targets)
    keep = targets[:, 1:] != -100
    return out.loss, out.logits[:, :-1][keep]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    default = pathlib.Path(__file__).resolve().parents[2] / "tests/fixtures/train"
    parser.add_argument("--out", type=pathlib.Path, default=default)
    out = parser.parse_args().out
    base = base_model()
    write_base(base, out / "tiny_llama.gguf")

    model = get_peft_model(base, LoraConfig(r=RANK, lora_alpha=ALPHA, lora_dropout=0.0, bias="none",
                                            target_modules=["q_proj", "k_proj", "v_proj", "o_proj"]))
    projector = torch.nn.Linear(N_IN, N_EMBD)
    features = torch.randn(3, N_IN)
    trainable = {n: p for n, p in model.named_parameters() if p.requires_grad}
    with torch.no_grad():
        for parameter in trainable.values():
            parameter.normal_(0.0, 0.1)
    data = conversations(np.random.default_rng(11))

    writer = gguf.GGUFWriter(out / "reference.gguf", "pandagpt-train-fixture")
    add = lambda name, t: writer.add_tensor(name, np.ascontiguousarray(t.detach().numpy().astype(np.float32)))
    short = {"q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output"}

    def ours(name: str, tensor: torch.Tensor):
        parts = name.split(".")
        layer, matrix, ab = parts[parts.index("layers") + 1], parts[-4], parts[-3]
        if ab == "lora_B" and matrix in ("q_proj", "k_proj"):
            tensor = to_gguf_rows(tensor, N_HEAD if matrix == "q_proj" else N_HEAD_KV)
        return f"blk.{layer}.{short[matrix]}.weight.{ab.lower()}", tensor

    for name, parameter in trainable.items():
        add(*ours(name, parameter))
    add("llama_proj.weight", projector.weight)
    add("llama_proj.bias", projector.bias)
    add("features", features)

    loss, logits = loss_and_logits(model, projector, features, data)
    loss.backward()
    add("logits", logits)
    writer.add_float32("loss", loss.item())
    for name, parameter in trainable.items():
        gguf_name, grad = ours(name, parameter.grad)
        add("grad." + gguf_name, grad)
    add("grad.llama_proj.weight", projector.weight.grad)
    add("grad.llama_proj.bias", projector.bias.grad)

    for i, (inputs, tokens, labels) in enumerate(data):
        if inputs:  # an array can't be empty
            writer.add_array(f"sequence.{i}.pictures", [float(picture) for picture, _ in inputs])
            writer.add_array(f"sequence.{i}.weights", [weight for _, weight in inputs])
        writer.add_array(f"sequence.{i}.tokens", [float(t + 1) for t in tokens])  # 0 is the image
        writer.add_array(f"sequence.{i}.labels", [float(l) for l in labels])
    writer.add_uint32("n_sequences", len(data))

    everything = list(trainable.values()) + list(projector.parameters())
    optimizer = torch.optim.AdamW(everything, lr=LR, betas=(0.9, 0.95), weight_decay=WEIGHT_DECAY)
    losses = []
    for step in range(STEPS):
        optimizer.zero_grad()
        loss, _ = loss_and_logits(model, projector, features, data)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(everything, CLIP)
        warm, s = max(1.0, WARMUP * STEPS), step + 1.0
        for group in optimizer.param_groups:
            group["lr"] = LR * (s / warm if s <= warm else (STEPS - s) / (STEPS - warm))
        optimizer.step()
        losses.append(loss.item())
    writer.add_array("losses", losses)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    print(f"loss {losses[0]:.6f} -> {losses[-1]:.6f}; {len(data)} sequences, {logits.shape[0]} labels")


if __name__ == "__main__":
    main()
