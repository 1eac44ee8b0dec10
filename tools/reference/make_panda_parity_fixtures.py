#!/usr/bin/env python3
r"""Writes tests/fixtures/panda_parity: PandaGPT at its smallest, and what the reference answers with it.

    base/pytorch_model.bin   f16, of the sizes in vicuna/base/config.json and with its tokenizer
    pytorch_model.pt         llama_proj and LoRA (r 8, alpha 16), saved as the reference's agent does
    expected.json            embeddings, conversations: prompts, tokens, answers, margins. `answer` is
                             the reference's, which drops two tokens for "\n##" whatever they are;
                             `text` is all before the stop
    expected.gguf            scores: (positions, vocabulary) of each answer

The answers are those of the reference's own code, from a checkout of yxuansu/PandaGPT: its class
OpenLLAMAPEFTModel builds, trains, prompts and generates, web_demo.predict keeps the history. What is
put in its place: ImageBind by the embeddings that `pandagpt embed` makes of pictures and sounds
among the fixtures (the towers have parity tests of their own), the id of the stop token by this
vocabulary's id of the same text, "##". The model is trained on the sentences below until it knows
them, so that answers differ from one another, end by themselves, and don't hang by a hair: the
narrowest lead of a chosen token over the next is at least MARGIN.

    python tools/reference/make_panda_parity_fixtures.py PANDAGPT_CHECKOUT build/release/src/cli/pandagpt

needs: torch, and the versions of the reference's requirements.txt: transformers==4.29.1 peft==0.3.0
sentencepiece==0.1.99
"""

import argparse
import ast
import json
import shutil
import subprocess
import sys
import tempfile
import types
from pathlib import Path

import gguf
import numpy as np
import peft
import torch
import transformers

FIXTURES = Path(__file__).resolve().parents[2] / "tests" / "fixtures"
FOLDER = FIXTURES / "panda_parity"
N_EMBEDDING = 20  # of tests/fixtures/imagebind
RANK, ALPHA = 8, 16
STEPS, LEARNING_RATE, MAX_TOKENS, MARGIN = 150, 5e-3, 48, 1e-2
REFERENCE_STOP, STOP = 2277, "##"  # in LLaMA's vocabulary, and what it stands for
IMAGE = -1  # in lists of tokens

INPUTS = {"image": FIXTURES / "images" / "exif1_jpg.jpg", "audio": FIXTURES / "audio" / "pcm_16.wav",
          "thermal": FIXTURES / "sensors" / "thermal_grey.png"}

# Inputs, questions and answers to learn. Without inputs: the prompt that has no image part, which the
# reference lacks; its pieces are otherwise the same.
LESSONS = [
    (["image"], [("What is in the picture?", "The picture shows a panda that eats bamboo in the forest."),
                 ("How many people are there?", "There are two people, a woman and a man."),
                 ("Where are they?", "They sit on the beach and look at the sea.")]),
    (["audio"], [("What can you hear?", "The sound of rain, and a dog that barks at the door."),
                 ("Is there a person?", "I'm not sure that it's here."),
                 ("And then?", "The mother calls the child.")]),
    (["thermal"], [("What is in the picture?", "A man and a car, 36.5 (at least)."),
                   ("Tell me more.", "It is so.")]),
    (["image", "audio"], [("Describe what you see and hear.", "A panda in the rain,\nand the dog looks at it."),
                          ("How many?", "100%"),
                          ("And then?", "The child plays with a ball.")]),
    (["image", "audio", "thermal"], [("What is in the picture?", "The quick brown fox jumps over the lazy dog."),
                                     ("Who are you?", "A child in the garden.")]),
    ([], [("Who are you?", "One of them, but they'll know."),
          ("What colour is the car?", "The car is here: look at the door."),
          ("How many?", "3.14")]),
]
# Conversations to compare: the lessons, and others that the model has to make up answers for.
CONVERSATIONS = [(inputs, [question for question, _ in turns]) for inputs, turns in LESSONS] + [
    (["image"], ["What colour is the panda?", "  Why? ", "caf\u00e9 \U0001f43c?"]),
    (["audio", "thermal"], ["Describe the video in detail.", "### And?"]),
    ([], ["Tell me\nof the sea."]),
]


def embeddings_of_fixtures(pandagpt):
    """{kind: (N_EMBEDDING)} from the tiny ImageBind"""
    with tempfile.TemporaryDirectory() as folder:
        encoders, rows = Path(folder) / "encoders.gguf", Path(folder) / "rows.npy"
        subprocess.run([pandagpt, "convert", "imagebind", FIXTURES / "imagebind" / "tiny.pth", "-o", encoders,
                        "--type", "f32", "--towers", "vision,audio,thermal", "--heads",
                        "vision=4,audio=4,thermal=2"], check=True, stdout=subprocess.DEVNULL)
        inputs = [text for kind, path in INPUTS.items() for text in (f"--{kind}", path)]
        subprocess.run([pandagpt, "embed", "--model", encoders, *inputs, "-o", rows], check=True)
        return dict(zip(INPUTS, torch.from_numpy(np.load(rows))))


class ImageBind(torch.nn.Module):
    """Stands for the encoder: what its input already is, which data.load_* looked up."""

    def forward(self, inputs):
        return inputs


def import_reference(checkout, embeddings):
    """The class OpenLLAMAPEFTModel, with modules in place of those it needs no more."""
    code = Path(checkout) / "code"
    header = types.ModuleType("header")
    vars(header).update(torch=torch, nn=torch.nn, LoraConfig=peft.LoraConfig, TaskType=peft.TaskType,
                        get_peft_model=peft.get_peft_model, LlamaTokenizer=transformers.LlamaTokenizer)
    package = types.ModuleType("model")
    package.__path__ = [str(code / "model")]
    imagebind = types.ModuleType("model.ImageBind")
    imagebind.imagebind_model = types.SimpleNamespace(
        imagebind_huge=lambda pretrained, store_path: (ImageBind(), N_EMBEDDING))
    imagebind.ModalityType = types.SimpleNamespace(VISION="vision", AUDIO="audio", THERMAL="thermal")
    imagebind.__all__ = ["imagebind_model", "ModalityType"]
    lookup = lambda names, device: torch.stack([embeddings[name] for name in names])
    imagebind.data = types.SimpleNamespace(
        load_and_transform_vision_data=lookup, load_and_transform_audio_data=lookup,
        load_and_transform_thermal_data=lookup)
    sys.modules.update({"header": header, "model": package, "model.ImageBind": imagebind})
    torch.cuda.current_device = lambda: "cpu"
    from model import openllama
    return openllama


def import_predict(checkout, model):
    """web_demo.predict, which turns a history into the next prompt and calls `model`."""
    tree = ast.parse((Path(checkout) / "code" / "web_demo.py").read_text())
    kept = [node for node in tree.body
            if isinstance(node, ast.FunctionDef) and node.name in ("predict", "parse_text")]
    names = {"model": model, "print": lambda *_: None}
    exec(compile(ast.Module(kept, []), "web_demo.py", "exec"), names)
    return names["predict"]


def make_base(folder):
    """A Hugging Face folder with random weights."""
    source = FIXTURES / "vicuna" / "base"
    for name in ("config.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json"):
        shutil.copy(source / name, folder)
    torch.manual_seed(5)
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig.from_pretrained(folder)).float()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" not in name:
                parameter.normal_(std=0.5 if "embed" in name else 0.15)
    torch.save(model.state_dict(), folder / "pytorch_model.bin")


def make_model(openllama, folder):
    model = openllama.OpenLLAMAPEFTModel(
        imagebind_ckpt_path="", vicuna_ckpt_path=str(folder), max_tgt_len=400, stage=1, lora_r=RANK,
        lora_alpha=ALPHA, lora_dropout=0.0).float()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                parameter.normal_(std=0.1)
    return model


def text_only_loss(model, turns):
    tokenizer = model.llama_tokenizer
    ids, labels = [tokenizer.bos_token_id], [-100]
    for i, (question, answer) in enumerate(turns):
        start = "### Human: " if i == 0 else "Human: "
        for text, learnt in ((f"{start}{question}\n### Assistant:", False), (f"{answer}\n###", True)):
            piece = tokenizer(text, add_special_tokens=False).input_ids
            ids += piece
            labels += piece if learnt else [-100] * len(piece)
    return model.llama_model(input_ids=torch.tensor([ids]), labels=torch.tensor([labels])).loss


def train(model, embeddings):
    """All of it, the base as well, with the reference's own loss."""
    for parameter in model.parameters():
        parameter.requires_grad_(True)
    optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE, betas=(0.9, 0.95))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, STEPS)
    model.encode_image = lambda sets: (torch.stack(
        [sum(model.llama_proj(embeddings[name]) for name in names) for names in sets])[:, None], None)
    batch = {"image_paths": [inputs for inputs, _ in LESSONS if inputs],
             "output_texts": [[{"from": who, "value": text} for turn in turns
                               for who, text in zip(("human", "gpt"), turn)]
                              for inputs, turns in LESSONS if inputs]}
    for step in range(STEPS):
        loss, accuracy = model(batch)
        extra = sum(text_only_loss(model, turns) for inputs, turns in LESSONS if not inputs)
        optimizer.zero_grad()
        (loss + extra).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 100 == 0 or step == STEPS - 1:
            print(step, f"{loss.item():.4f} {float(extra):.4f} {accuracy:.3f}", flush=True)
    del model.encode_image


def save(model):
    """The base in f16, the rest as the reference's agent saves it; the model then computes with that."""
    (FOLDER / "base").mkdir(parents=True, exist_ok=True)
    base, delta = {}, {}
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.startswith("llama_proj") or "lora_" in name:
                delta[name] = parameter.detach().clone()
            else:
                parameter.copy_(parameter.half())
                base[name.removeprefix("llama_model.base_model.model.")] = parameter.detach().half()
    torch.save(base, FOLDER / "base" / "pytorch_model.bin")
    torch.save(delta, FOLDER / "pytorch_model.pt")


class RecordingTokenizer:
    """A tokenizer that keeps the ids of what it is called with."""

    def __init__(self, tokenizer):
        self.tokenizer, self.pieces = tokenizer, []

    def __getattr__(self, name):
        return getattr(self.tokenizer, name)

    def __call__(self, text, **arguments):
        self.pieces.append(self.tokenizer(text, add_special_tokens=False).input_ids)
        return self.tokenizer(text, **arguments)


class Recorder:
    """Keeps what llama_model.generate was given and gave."""

    def __init__(self, model, stop):
        self.generate, self.model, self.stop = model.llama_model.generate, model, stop
        model.llama_model.generate = self
        model.llama_tokenizer = RecordingTokenizer(model.llama_tokenizer)

    def __call__(self, **arguments):
        self.prompt = arguments["inputs_embeds"]
        self.outputs = self.generate(**arguments)
        return self.outputs

    def tokens(self):
        """Those of the answer; 4.29 puts a BOS before them."""
        ids = self.outputs[0].tolist()
        return ids[1:] if ids[0] == self.model.llama_tokenizer.bos_token_id else ids

    def text(self):
        """All before the stop token. The reference takes one token more for a line break and drops it."""
        ids = self.tokens()
        ended = ids[-1] in (self.stop, self.model.llama_tokenizer.eos_token_id)
        return self.model.llama_tokenizer.decode(ids[:-1] if ended else ids).strip()

    def prompt_tokens(self):
        """Those of the prompt that was built last, IMAGE where the embedding stands."""
        *start, text = self.model.llama_tokenizer.pieces
        image = [IMAGE] if start else []
        ids = [self.model.llama_tokenizer.bos_token_id, *sum(start, []), *image, *text]
        assert len(ids) == self.prompt.shape[1]
        return ids

    def scores(self):
        """(answer tokens, vocabulary): what each was chosen by"""
        table = self.model.llama_model.model.model.embed_tokens
        embeds = torch.cat([self.prompt, table(torch.tensor([self.tokens()]))], dim=1)
        logits = self.model.llama_model(inputs_embeds=embeds).logits[0]
        return logits[self.prompt.shape[1] - 1:-1]


def without_image(model):
    """prepare_generation_embedding for a conversation without inputs."""
    def prepare(inputs):
        tokenizer = model.llama_tokenizer
        text = "### Human: " + inputs["prompt"] + "\n### Assistant:"
        ids = [tokenizer.bos_token_id, *tokenizer(text, add_special_tokens=False).input_ids]
        return model.llama_model.model.model.embed_tokens(torch.tensor([ids]))
    return prepare


def run_conversation(predict, recorder, inputs, questions, max_tokens=MAX_TOKENS):
    model, history, cache, turns = recorder.model, [], [], []
    with_image = model.prepare_generation_embedding
    if not inputs:
        model.prepare_generation_embedding = without_image(model)
    for question in questions:
        # without inputs the page would refuse; any name does, since it is not looked at
        paths = [name if name in inputs else None for name in ("image", "audio", "none", "thermal")]
        paths[2] = None if inputs else "none"
        model.llama_tokenizer.pieces.clear()
        predict(question, *paths, [], max_tokens, 0.01, 1.0, history, cache)
        scores = recorder.scores()
        top = scores.topk(2).values
        margins = top[:, 0] - top[:, 1]
        assert scores.argmax(-1).tolist() == recorder.tokens(), "not the likeliest tokens"
        turns.append({"question": question, "answer": history[-1][1], "text": recorder.text(), "tokens": recorder.tokens(),
                      "prompt": recorder.prompt_tokens(), "margin": round(margins.min().item(), 4),
                      "scores": scores})
        print(inputs, repr(question), "->", repr(history[-1][1]), turns[-1]["margin"], flush=True)
    model.prepare_generation_embedding = with_image
    return turns


def write(embeddings, projections, conversations, cut):
    writer = gguf.GGUFWriter(FOLDER / "expected.gguf", "pandagpt-test")
    for i, conversation in enumerate(conversations):
        for j, turn in enumerate(conversation["turns"]):
            scores = turn.pop("scores").float().numpy()
            turn["positions"] = sorted({0, len(scores) // 2, len(scores) - 1})
            writer.add_tensor(f"{i}.{j}", scores[turn["positions"]])
    cut.pop("scores")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    numbers = lambda values: [round(float(v), 7) for v in values]
    expected = {
        "inputs": {kind: {"file": str(path.relative_to(FIXTURES)), "embedding": numbers(embeddings[kind]),
                          "projected": numbers(projections[kind])} for kind, path in INPUTS.items()},
        "rank": RANK, "alpha": ALPHA, "max_tokens": MAX_TOKENS, "conversations": conversations, "cut": cut}
    (FOLDER / "expected.json").write_text(json.dumps(expected, ensure_ascii=True) + "\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("checkout")
    parser.add_argument("pandagpt")
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    embeddings = embeddings_of_fixtures(arguments.pandagpt)
    openllama = import_reference(arguments.checkout, embeddings)
    with tempfile.TemporaryDirectory() as folder:
        make_base(Path(folder))
        model = make_model(openllama, folder)
    train(model, embeddings)
    save(model)
    model.eval()

    stop = model.llama_tokenizer.convert_tokens_to_ids(STOP)
    original = openllama.StoppingCriteriaSub.__init__
    def with_stop(self, stops, encounters):
        assert stops == [REFERENCE_STOP]
        original(self, [stop], encounters)
    openllama.StoppingCriteriaSub.__init__ = with_stop
    predict, recorder = import_predict(arguments.checkout, model), Recorder(model, stop)
    with torch.no_grad():
        conversations = [{"inputs": inputs, "turns": run_conversation(predict, recorder, inputs, questions)}
                         for inputs, questions in CONVERSATIONS]
        cut = run_conversation(predict, recorder, *LESSONS[0][:1], [LESSONS[0][1][0][0]], max_tokens=6)[0]
        projections = {kind: model.llama_proj(value) for kind, value in embeddings.items()}
    assert all(turn["margin"] >= MARGIN for c in conversations for turn in c["turns"]), "margins"
    write(embeddings, projections, conversations, cut)


if __name__ == "__main__":
    main()
