#!/usr/bin/env python3
"""Writes tests/fixtures/panda_parity/gqa.{pt,json}: a delta for the LLaMA of tests/fixtures/vicuna/gqa.

That model has fewer key heads than heads and a head size of its own, which decides where the rows of
LoRA's B belong. The names are those of peft's get_peft_model_state_dict (no "default") behind DDP's
"module."; the scores are transformers' with peft's LoRA, in f32, of a prompt with one embedding.

    python tools/reference/make_gqa_adapter_fixtures.py      needs: torch transformers>=4.31 peft sentencepiece
"""

import json
from pathlib import Path

import sentencepiece
import torch
from peft import LoraConfig, TaskType, get_peft_model, get_peft_model_state_dict
from transformers import LlamaForCausalLM

FIXTURES = Path(__file__).resolve().parents[2] / "tests" / "fixtures"
RANK, ALPHA, N_EMBEDDING = 4, 6, 12
QUESTION = "What can you hear in the audio?"


def rounded(values):
    return [round(float(v), 6) for v in values]


def main():
    torch.manual_seed(11)
    pieces = sentencepiece.SentencePieceProcessor(
        model_file=str(FIXTURES / "vicuna" / "gqa" / "tokenizer.model"))
    base = LlamaForCausalLM.from_pretrained(FIXTURES / "vicuna" / "gqa", dtype=torch.float32)
    model = get_peft_model(base, LoraConfig(
        task_type=TaskType.CAUSAL_LM, r=RANK, lora_alpha=ALPHA, lora_dropout=0.0,
        target_modules=["q_proj", "k_proj", "v_proj", "o_proj"])).eval()
    projector = torch.nn.Linear(N_EMBEDDING, model.config.hidden_size)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                parameter.normal_(std=0.3)
        embedding = torch.randn(N_EMBEDDING)
        before, after = [1, *pieces.encode("### Human: <Img>")], pieces.encode(
            f"</Img> {QUESTION}\n### Assistant:")
        rows = model.get_input_embeddings()
        inputs = torch.cat([rows(torch.tensor(before)), projector(embedding)[None],
                            rows(torch.tensor(after))])[None]
        scores = model(inputs_embeds=inputs).logits[0, -1]
        with model.disable_adapter():
            plain = model(inputs_embeds=inputs).logits[0, -1]
    checkpoint = {"module.llama_proj." + name: value.detach() for name, value in projector.named_parameters()}
    for name, value in get_peft_model_state_dict(model).items():
        checkpoint["module.llama_model." + name] = value.detach().contiguous()
    torch.save(checkpoint, FIXTURES / "panda_parity" / "gqa.pt")
    (FIXTURES / "panda_parity" / "gqa.json").write_text(json.dumps(
        {"rank": RANK, "alpha": ALPHA, "question": QUESTION, "embedding": rounded(embedding),
         "scores": rounded(scores), "scores_without": rounded(plain)}) + "\n")


if __name__ == "__main__":
    main()
