/* Asks a model one question about files, and prints the answer as it comes:
 *
 *   ask MODEL QUESTION [image|video|audio|thermal|depth|imu FILE]..
 *
 * A program in C11 that uses the installed library:
 *   cc -std=c11 examples/ask.c -o ask -I PREFIX/include -L PREFIX/lib -lpandagpt
 * Ctrl-C ends the answer; what has come stays. */
#include <pandagpt/pandagpt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static volatile sig_atomic_t is_stopped = 0;

static void stop(int signal_number) {
  (void)signal_number;
  is_stopped = 1;
}

/* Prints a piece of the answer; `user` is the stream. */
static bool print_piece(const char* text, size_t size, void* user) {
  FILE* out = user;
  return fwrite(text, 1, size, out) == size && fflush(out) == 0 && !is_stopped;
}

/* Adds the input that two arguments of the command line name. */
static pandagpt_status add_input(pandagpt_inputs* inputs, const char* kind, const char* path) {
  pandagpt_modality modality = PANDAGPT_IMAGE;
  while (pandagpt_modality_name(modality) != NULL &&
         strcmp(pandagpt_modality_name(modality), kind) != 0)
    ++modality;
  return pandagpt_inputs_add_file(inputs, modality, path, NULL);
}

static pandagpt_status answer(int argc, char** argv, pandagpt_panda* panda,
                              pandagpt_inputs* inputs) {
  for (int i = 3; i + 1 < argc; i += 2) {
    const pandagpt_status status = add_input(inputs, argv[i], argv[i + 1]);
    if (status != PANDAGPT_OK) return status;
  }
  pandagpt_answer* result = NULL;
  const pandagpt_status status =
      pandagpt_panda_ask(panda, inputs, argv[2], NULL, print_piece, stdout, &result);
  if (status != PANDAGPT_OK) return status;
  putchar('\n');
  for (size_t i = 0; i < pandagpt_answer_warning_count(result); ++i)
    fprintf(stderr, "ask: %s\n", pandagpt_answer_warning(result, i));
  pandagpt_answer_free(result);
  return PANDAGPT_OK;
}

int main(int argc, char** argv) {
  if (argc < 3 || argc % 2 == 0) {
    fprintf(stderr, "Usage: ask MODEL QUESTION [image|video|audio|thermal|depth|imu FILE]..\n");
    return PANDAGPT_ERROR_USAGE;
  }
  signal(SIGINT, stop);
  pandagpt_panda* panda = NULL;
  pandagpt_inputs* inputs = NULL;
  pandagpt_status status = pandagpt_panda_open(argv[1], NULL, &panda);
  if (status == PANDAGPT_OK) status = pandagpt_inputs_create(&inputs);
  if (status == PANDAGPT_OK) status = answer(argc, argv, panda, inputs);
  if (status != PANDAGPT_OK) fprintf(stderr, "ask: %s\n", pandagpt_last_error());
  pandagpt_inputs_free(inputs);
  pandagpt_panda_free(panda);
  return status;
}
