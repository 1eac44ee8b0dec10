#!/usr/bin/env python3
"""The real openai client against `pandagpt serve`. Usage: openai_client_test.py PANDAGPT MODEL PHOTO"""

import asyncio
import base64
import pathlib
import sys
import tempfile

import openai

import serve_process

KEY = "test-key"


def photo_part(path):
    data = base64.b64encode(pathlib.Path(path).read_bytes()).decode()
    return {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{data}"}}


def question(*parts, text="What is it?"):
    return [{"role": "user", "content": [*parts, {"type": "text", "text": text}]}]


def check_chat(client, model, photo):
    whole = client.chat.completions.create(model=model, messages=question(photo_part(photo)),
                                           temperature=0, max_tokens=32)
    answer = whole.choices[0].message.content
    assert answer and whole.choices[0].finish_reason in ("stop", "length"), whole
    assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens

    stream = client.chat.completions.create(model=model, messages=question(photo_part(photo)),
                                            temperature=0, max_tokens=32, stream=True,
                                            stream_options={"include_usage": True})
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == answer, (text, answer)
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens
    assert chunks[-1].usage.prompt_tokens_details.cached_tokens > 0, "the prompt was evaluated before"

    several = client.chat.completions.create(model=model, messages=question(), n=2, seed=5,
                                             temperature=2, top_p=1, max_tokens=16)
    assert len(several.choices) == 2
    again = client.chat.completions.create(model=model, messages=question(), seed=5,
                                           temperature=2, top_p=1, max_tokens=16)
    assert again.choices[0].message.content == several.choices[0].message.content
    client.completions.create(model=model, prompt="Hello", max_tokens=4)


def check_files(client, model, photo):
    with open(photo, "rb") as file:
        uploaded = client.files.create(file=file, purpose="vision")
    assert client.files.retrieve(uploaded.id).bytes == pathlib.Path(photo).stat().st_size
    assert uploaded.id in [one.id for one in client.files.list()]
    assert client.files.content(uploaded.id).read() == pathlib.Path(photo).read_bytes()
    part = {"type": "image_url", "image_url": {"file_id": uploaded.id}}
    by_id, inline = (client.chat.completions.create(model=model, messages=question(one),
                                                    temperature=0, max_tokens=16)
                     for one in (part, photo_part(photo)))
    assert by_id.choices[0].message.content == inline.choices[0].message.content
    vector = client.embeddings.create(model=model, input=[part]).data[0].embedding
    assert abs(sum(x * x for x in vector) - 1) < 1e-4
    assert client.files.delete(uploaded.id).deleted


def check_errors(client, model):
    def refused(kind, **arguments):
        try:
            client.chat.completions.create(model=model, **arguments)
        except kind as error:
            return error
        raise AssertionError(f"{arguments} was not refused")

    error = refused(openai.BadRequestError, messages=question(), top_p=3)
    assert error.body["param"] == "top_p", error.body
    refused(openai.BadRequestError, messages=[])
    refused(openai.BadRequestError, messages=question(), tools=[
        {"type": "function", "function": {"name": "f", "parameters": {}}}])
    try:
        openai.OpenAI(base_url=client.base_url, api_key="wrong").models.list()
    except openai.AuthenticationError:
        pass
    else:
        raise AssertionError("a wrong key was taken")


async def check_many(address, model):
    client = openai.AsyncOpenAI(base_url=address + "/v1", api_key=KEY)
    answers = await asyncio.gather(*(
        client.chat.completions.create(model=model, messages=question(), seed=seed, temperature=2,
                                       top_p=1, max_tokens=16) for seed in range(8)))
    assert len({one.choices[0].message.content for one in answers}) > 1
    # A stream that is closed in the middle cancels its answer.
    stream = await client.chat.completions.create(model=model, messages=question(), stream=True,
                                                  temperature=2, top_p=1, max_tokens=400)
    async for _ in stream:
        break
    await stream.close()
    for _ in range(500):
        if not any(slot["is_processing"] for slot in serve_process.get(address + "/slots", KEY)[1]):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the closed stream still holds its slot")


def main():
    program, folder, photo = sys.argv[1:]
    with tempfile.TemporaryDirectory() as files, serve_process.server(
            program, "--model", folder, "--threads", "1", "--files-dir", files, "--parallel", "4",
            environment={"PANDAGPT_API_KEY": KEY}) as address:
        client = openai.OpenAI(base_url=address + "/v1", api_key=KEY, max_retries=0)
        model = client.models.list().data[0].id
        check_chat(client, model, photo)
        check_files(client, model, photo)
        check_errors(client, model)
        asyncio.run(check_many(address, model))
    print("the openai client", openai.__version__, "is content")


if __name__ == "__main__":
    main()
