"""Questions, conversations, and answers that come piece by piece."""

import gc
import subprocess
import sys
import threading
import time

import pytest
from conftest import FILES, FIXTURES, MINI, TINY, needs_mini

import pandagpt

PHOTO = FIXTURES / "images" / "photo_chelsea.jpg"
QUESTION = "What is it?"


def test_answers_are_those_of_the_program(panda, cli):
    printed, = cli("ask", "--json", "--no-cache", "--model", TINY, "--image", PHOTO, "--seed", "7", QUESTION)
    answer = panda.ask(QUESTION, image=PHOTO, seed=7)
    assert answer.text == printed["answer"] != ""
    assert str(answer) == answer.text
    assert (answer.finish, answer.seed, answer.is_unsure) == (printed["finish"], 7, printed["unsure"])
    assert list(answer.warnings) == printed["warnings"]
    assert answer.timings.generated_tokens == printed["timings"]["generated_tokens"]


@needs_mini
@pytest.mark.parametrize("kind", ["image", "imu"])
def test_answers_of_panda_mini_are_those_of_the_program(mini, cli, kind):
    question = "What is this?"
    printed, = cli("ask", "--json", "--no-cache", "--greedy", "--model", MINI, f"--{kind}", FILES[kind], question)
    answer = mini.ask(question, greedy=True, **{kind: FILES[kind]})
    assert answer.text == printed["answer"] != ""
    assert list(answer.warnings) == printed["warnings"]


def test_the_pieces_of_a_stream_are_the_answer(panda):
    whole = panda.ask(QUESTION, image=PHOTO, seed=7)
    stream = panda.ask(QUESTION, image=PHOTO, seed=7, stream=True)
    pieces = list(stream)
    assert len(pieces) > 1
    assert "".join(pieces) == whole.text
    assert stream.answer.text == whole.text
    assert stream.answer.finish == "stop"
    assert next(stream, None) is None  # and stays at its end


def test_a_stream_can_be_left(panda):
    with panda.ask(QUESTION, image=PHOTO, stream=True) as stream:
        first = next(stream)
    assert first
    assert list(stream) == []  # what was not taken by then is dropped
    assert stream.answer is not None
    for piece in panda.ask(QUESTION, image=PHOTO, stream=True):
        assert piece == first
        break


def test_what_fails_in_a_stream_is_raised_by_it(panda, tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"nothing like it")
    stream = panda.ask(QUESTION, image=tmp_path / "a.jpg", stream=True)
    with pytest.raises(pandagpt.InputError, match="a.jpg: text, not a picture"):
        next(stream)
    assert stream.answer is None
    with pytest.raises(pandagpt.UsageError):  # at once
        panda.ask(QUESTION, temperature=-1, stream=True)


def test_a_program_that_ends_with_an_open_stream_ends_well():
    script = (f"import pandagpt\npanda = pandagpt.Panda({str(TINY)!r})\n"
              f"stream = panda.ask('What is it?', image={str(PHOTO)!r}, stream=True)\nnext(stream)\n"
              "import builtins; builtins.kept = stream\n")
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")


def test_text_alone(panda):
    assert panda.ask(QUESTION, greedy=True).text == panda.ask(QUESTION, greedy=True).text


def test_conversations_remember(panda):
    chat = panda.chat(image=PHOTO)
    first = chat.ask(QUESTION, greedy=True)
    assert chat.turns == [(QUESTION, first.text)]
    assert first.text == panda.ask(QUESTION, image=PHOTO, greedy=True).text
    second = "".join(chat.ask("And now?", greedy=True, stream=True))
    assert [turn.question for turn in chat.turns] == [QUESTION, "And now?"]
    assert chat.turns[1].answer == second
    assert chat.regenerate(greedy=True).text == second
    assert "".join(chat.regenerate(greedy=True, stream=True)) == second
    other = panda.chat(image=PHOTO, history=chat.turns[:1])
    assert other.turns == chat.turns[:1]
    assert other.ask("And now?", greedy=True).text  # with the history as text, its tokens may be others
    other.turns = [("a", "b")]
    assert other.turns == [pandagpt.Turn("a", "b")]
    chat.reset()
    assert chat.turns == []
    with pytest.raises(pandagpt.UsageError):
        chat.regenerate()


def test_later_questions_may_have_their_own_inputs(panda):
    chat = panda.chat()
    chat.ask(QUESTION, image=PHOTO, greedy=True)
    again = chat.ask(QUESTION, image=FILES["image"], greedy=True)
    straight = panda.chat(history=chat.turns[:1], image=FILES["image"])
    assert straight.ask(QUESTION, greedy=True).text == again.text
    chat.set_inputs(image=PHOTO)
    assert chat.ask(QUESTION).text


def test_a_chat_is_one_thread_s_at_a_time(panda):
    chat = panda.chat(image=PHOTO)
    stream = chat.ask(QUESTION, stream=True, max_tokens=64)
    with pytest.raises(pandagpt.UsageError, match="the chat is in use"):
        for _ in range(1000):  # the answer may be finished before it is taken
            chat.ask(QUESTION)
            stream = chat.ask(QUESTION, stream=True)
    list(stream)
    chat.ask(QUESTION)  # after the end it is free
    stream = chat.ask(QUESTION, stream=True)
    stream.close()
    chat.ask(QUESTION)
    stream = chat.ask(QUESTION, stream=True)
    del stream
    gc.collect()
    chat.ask(QUESTION)


def test_threads_share_a_model(panda):
    expected = panda.ask(QUESTION, image=PHOTO, greedy=True).text
    answers = []

    def ask():
        for _ in range(3):
            answers.append(panda.ask(QUESTION, image=PHOTO, greedy=True).text)
            answers.append("".join(panda.ask(QUESTION, image=PHOTO, greedy=True, stream=True)))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [expected] * 24


@needs_mini
@pytest.mark.parametrize("stream", [False, True])
def test_ctrl_c_ends_an_answer(stream):
    script = ("import os, signal, threading, pandagpt\n"
              # A process that is started in the background ignores it.
              "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
              f"panda = pandagpt.Panda({str(MINI)!r})\n"
              "timer = threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT))\n"
              "timer.start()\n"
              "try:\n"
              "    while True:\n"
              f"        ''.join(map(str, panda.ask('Tell a story.', max_tokens=200, stream=True))) if {stream} else "
              "panda.ask('Tell a story.', max_tokens=200)\n"
              "except KeyboardInterrupt:\n"
              "    print('interrupted')\n"
              "print(panda.ask('What is a dog?', greedy=True))\n")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "interrupted" and lines[1]


def test_the_gil_is_free_while_it_computes(embedder):
    from PIL import Image

    pictures = [Image.effect_noise((640, 480), 80).convert("RGB") for _ in range(4)]
    sources = [pandagpt.image(picture.resize((600 + i, 400))) for i, picture in enumerate(pictures * 12)]
    core = pandagpt._inputs.core_inputs(sources, {})  # what Python has to do is done
    times = []

    def embed():
        times.append(time.perf_counter())
        embedder._core.embed(core)
        times.append(time.perf_counter())

    thread = threading.Thread(target=embed)
    thread.start()
    ticks = []
    while thread.is_alive():
        ticks.append(time.perf_counter())
        time.sleep(0)
    begin, end = times
    within = [tick for tick in ticks if begin + 0.2 * (end - begin) < tick < end - 0.2 * (end - begin)]
    assert len(within) >= 3


def test_what_a_model_says_about_itself(panda):
    assert panda.info.name == "tiny-panda"
    assert panda.info.licence == "Apache-2.0"
    assert panda.info.modalities == ("image", "video")
    assert panda.info.example_questions == ("What is it?",)
    assert panda.default_options["max_tokens"] == 64
    assert panda.default_options["seed"] is None
    assert panda.embed(image=[PHOTO, PHOTO]).shape == (2, panda.info.embedding_width)
