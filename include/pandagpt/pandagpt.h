/* PandaGPT as a library for C, and for what calls C: questions about pictures, films, sounds and
 * sensor recordings, answered by a language model; embeddings of these and of texts.
 *
 *   #include <pandagpt/pandagpt.h>
 *
 *   pandagpt_panda* panda = NULL;
 *   pandagpt_inputs* inputs = NULL;
 *   pandagpt_answer* answer = NULL;
 *   if (pandagpt_panda_open("panda-mini", NULL, &panda) != PANDAGPT_OK ||
 *       pandagpt_inputs_create(&inputs) != PANDAGPT_OK ||
 *       pandagpt_inputs_add_file(inputs, PANDAGPT_IMAGE, "dog.jpg", NULL) != PANDAGPT_OK ||
 *       pandagpt_panda_ask(panda, inputs, "What is it?", NULL, NULL, NULL, &answer) != PANDAGPT_OK)
 *     fprintf(stderr, "%s\n", pandagpt_last_error());
 *   else
 *     puts(pandagpt_answer_text(answer, NULL));
 *   pandagpt_answer_free(answer);
 *   pandagpt_inputs_free(inputs);
 *   pandagpt_panda_free(panda);
 *
 * Errors. What can fail returns a pandagpt_status; the text of a failure is pandagpt_last_error().
 * A call that fails sets its results to NULL and changes nothing else. A NULL where none may be is
 * PANDAGPT_ERROR_USAGE; functions that only tell something give NULL, 0 or false for it. No C++
 * exception leaves the library.
 *
 * Texts are UTF-8 and end with a zero. Those that are given are copied. Those that come back belong
 * to the handle that they are asked of, and live as long, unless something else is said.
 *
 * Handles are freed with their own function, which takes NULL too, after the last call that uses
 * them. A chat keeps what it needs of its panda, which may be freed before it.
 *
 * Threads. A pandagpt_panda and a pandagpt_embedder may be used by several threads at once. All
 * other handles belong to one thread at a time. Callbacks are called by the thread that called the
 * library; they must not use the handle whose function is calling them, nor leave by longjmp().
 *
 * Structs begin with their size, so that later versions can add fields behind the last. Let the
 * function that ends with _init fill one, then set what should differ. A NULL in place of options
 * means the defaults. */
#ifndef PANDAGPT_PANDAGPT_H
#define PANDAGPT_PANDAGPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pandagpt/export.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the library ---- */

/** Kinds of failure. The values are also the exit codes of the programs. */
typedef int pandagpt_status;
enum {
  PANDAGPT_OK = 0,
  PANDAGPT_ERROR_INTERNAL = 1, /**< a fault of ours or of the machine (out of memory, full disk) */
  PANDAGPT_ERROR_USAGE = 2,    /**< the call itself is wrong (a value out of range, a NULL) */
  PANDAGPT_ERROR_INPUT = 3,    /**< a file or buffer given by the user can't be used */
  PANDAGPT_ERROR_MODEL = 4     /**< a model folder or weight file is missing, damaged or unfit */
};

/** One line about the last call of this thread that failed: what is wrong, where, what to do. Empty
 * before the first. Valid until the thread's next failure. */
PANDAGPT_API const char* pandagpt_last_error(void);
/** Of the library that is loaded: "0.2.0". */
PANDAGPT_API const char* pandagpt_version(void);

/** What the library may do to the process that it is a part of; without leave, none of it. See
 * ProcessChanges in process.h. */
enum {
  PANDAGPT_ALLOW_GGML_KERNELS = 1, /**< faster products in ggml's CPU backend, for all its users */
  PANDAGPT_ALLOW_HUGE_PAGES = 2    /**< for large mappings, while a language model is loaded */
};
/** Adds to what is allowed; nothing is taken back. `changes`: the sum of some of the above. Counts
 * for models that are opened afterwards. */
PANDAGPT_API pandagpt_status pandagpt_allow_process_changes(unsigned changes);

/* ---- inputs ---- */

/** Kinds of input. Which of them a model takes depends on its encoders. */
typedef int pandagpt_modality;
enum {
  PANDAGPT_IMAGE = 0,
  PANDAGPT_VIDEO = 1,
  PANDAGPT_AUDIO = 2,
  PANDAGPT_THERMAL = 3,
  PANDAGPT_DEPTH = 4,
  PANDAGPT_IMU = 5
};
/** "image", "video", "audio", "thermal", "depth", "imu"; NULL for another number. */
PANDAGPT_API const char* pandagpt_modality_name(pandagpt_modality modality);

typedef int pandagpt_acceleration_unit;
enum {
  PANDAGPT_ACCELERATION_NOT_GIVEN = 0,
  PANDAGPT_METRES_PER_SECOND_SQUARED = 1,
  PANDAGPT_G = 2,
  PANDAGPT_MILLI_G = 3
};
typedef int pandagpt_rotation_unit;
enum {
  PANDAGPT_ROTATION_NOT_GIVEN = 0,
  PANDAGPT_RADIANS_PER_SECOND = 1,
  PANDAGPT_DEGREES_PER_SECOND = 2
};
/** Whether acceleration has gravity in it: refused without, by default, or taken as it is. */
typedef int pandagpt_imu_gravity;
enum { PANDAGPT_GRAVITY_NOT_GIVEN = 0, PANDAGPT_GRAVITY_PRESENT = 1, PANDAGPT_GRAVITY_ABSENT = 2 };
/** What the numbers of a depth map are; docs/modalities.md says what is no depth in each. Unknown
 * to the caller is PANDAGPT_DEPTH_NOT_GIVEN, which is PANDAGPT_DEPTH_AUTO: what the file tells. */
typedef int pandagpt_depth_encoding;
enum {
  PANDAGPT_DEPTH_NOT_GIVEN = 0,
  PANDAGPT_DEPTH_AUTO = 1,
  PANDAGPT_DEPTH_MILLIMETRES = 2,
  PANDAGPT_DEPTH_METRES = 3,
  PANDAGPT_DEPTH_TUM = 4,
  PANDAGPT_DEPTH_KITTI = 5,
  PANDAGPT_DEPTH_VKITTI = 6,
  PANDAGPT_DEPTH_SUNRGBD = 7,
  PANDAGPT_DEPTH_7SCENES = 8,
  PANDAGPT_DEPTH_NYU_RAW = 9,
  PANDAGPT_DEPTH_L515 = 10,
  PANDAGPT_DEPTH_REPLICA = 11,
  PANDAGPT_DEPTH_DISPARITY = 12, /**< pixels; needs the camera */
  PANDAGPT_DEPTH_KITTI_DISPARITY = 13,
  PANDAGPT_DEPTH_INVERSE = 14,         /**< 1/m */
  PANDAGPT_DEPTH_RELATIVE_INVERSE = 15 /**< of estimators: nearer is larger, without a unit */
};
/** audio_channel beside 1, 2, ..: the model folder's choice; the first channel that isn't silent;
 * the mean of all. */
enum { PANDAGPT_CHANNEL_NOT_GIVEN = -2, PANDAGPT_CHANNEL_MIX = -1, PANDAGPT_CHANNEL_AUTO = 0 };

/** Of one input: its weight, and what the files of sensors often don't say themselves
 * (docs/modalities.md). A NaN is "not given": taken from the file, else a default. */
typedef struct pandagpt_input_options {
  size_t struct_size;
  float weight; /**< scales the projected embedding; default 1 */
  double imu_rate_hz;
  pandagpt_acceleration_unit acceleration_unit;
  pandagpt_rotation_unit rotation_unit;
  double depth_metres_per_unit; /**< metres of one unit of a depth map; of disparities pixels */
  double depth_focal_length;    /**< pixels of the map as it is given */
  double depth_baseline;        /**< metres between the two views */
  double thermal_coldest;       /**< black: degrees Celsius, or the file's numbers */
  double thermal_warmest;       /**< white, likewise */
  int audio_channel;
  pandagpt_imu_gravity imu_gravity;
  const char* imu_columns; /**< "acc=3-5,gyro=6-8,time=1"; NULL: as the table's header says */
  pandagpt_depth_encoding depth_encoding;
} pandagpt_input_options;
PANDAGPT_API pandagpt_status pandagpt_input_options_init(pandagpt_input_options* options,
                                                         size_t struct_size);

/** What a question is about: the projected embeddings of all inputs are summed. */
typedef struct pandagpt_inputs pandagpt_inputs;
PANDAGPT_API pandagpt_status pandagpt_inputs_create(pandagpt_inputs** inputs);
PANDAGPT_API void pandagpt_inputs_free(pandagpt_inputs* inputs);
/** Adds a file ("-": standard input), which is opened when a question or embedding needs it. */
PANDAGPT_API pandagpt_status pandagpt_inputs_add_file(pandagpt_inputs* inputs,
                                                      pandagpt_modality modality, const char* path,
                                                      const pandagpt_input_options* options);
/** Adds the content of a file, of which a copy is kept. `name` stands for it in messages; NULL is
 * "memory". PANDAGPT_ERROR_INPUT if `size` is 0. */
PANDAGPT_API pandagpt_status pandagpt_inputs_add_memory(pandagpt_inputs* inputs,
                                                        pandagpt_modality modality,
                                                        const void* data, size_t size,
                                                        const char* name,
                                                        const pandagpt_input_options* options);
/** Adds a further file of the same recording to the input that was added last, a motion recording
 * (PANDAGPT_IMU) of which each sensor has a table; they are joined by time. With `data` NULL,
 * `name` is a path; else it stands for the `size` bytes of `data`, of which a copy is kept. In
 * tables whose columns are called x, y and z, the name tells the sensor ("Gyroscope.csv").
 * PANDAGPT_ERROR_USAGE if there is no such input. */
PANDAGPT_API pandagpt_status pandagpt_inputs_add_part(pandagpt_inputs* inputs, const char* name,
                                                      const void* data, size_t size);
/** Adds the sound of each film so far as an input of its own, with the film's weight. */
PANDAGPT_API pandagpt_status pandagpt_inputs_add_sound_of_videos(pandagpt_inputs* inputs);
PANDAGPT_API size_t pandagpt_inputs_count(const pandagpt_inputs* inputs);

/* ---- answers ---- */

/** Sampling settings. */
typedef struct pandagpt_generate_options {
  size_t struct_size;
  int max_tokens;    /**< of the answer at most; at least 1 */
  bool greedy;       /**< always the most likely token; what follows, but n_draft, is unused then */
  int n_beams;       /**< more than 1: beam search; nothing is drawn, the text comes at the end */
  float temperature; /**< divides the logits; 0 is greedy */
  float top_p;       /**< smallest set of tokens of this probability, (0, 1] */
  int top_k;         /**< only the k most likely tokens; 0 is no limit */
  float min_p;       /**< drops tokens below min_p times the best one's probability, [0, 1] */
  float repeat_penalty; /**< divides the logits of recent tokens; 1 is none */
  int repeat_last_n;    /**< how many tokens of the answer count as recent */
  float frequency_penalty;
  float presence_penalty;
  int n_draft;   /**< draft tokens of prompt look-up decoding at most; 0 is off */
  bool has_seed; /**< the same seed gives the same answer; without one it is drawn at random */
  uint32_t seed;
} pandagpt_generate_options;

/** Gets the answer piece by piece: `text` is valid UTF-8 of `size` bytes and a zero behind them.
 * Returning false ends the answer; what has come stays the answer. */
typedef bool (*pandagpt_on_text)(const char* text, size_t size, void* user);

/** Why an answer ended. */
typedef int pandagpt_finish;
enum {
  PANDAGPT_FINISH_STOP = 0,     /**< the model ended its turn */
  PANDAGPT_FINISH_LENGTH = 1,   /**< max_tokens were generated */
  PANDAGPT_FINISH_CONTEXT = 2,  /**< the context window is full */
  PANDAGPT_FINISH_CANCELLED = 3 /**< the callback returned false */
};

/** Times in milliseconds, counts in tokens. */
typedef struct pandagpt_timings {
  size_t struct_size;   /**< to be set before the call */
  double encode_ms;     /**< decoding, preprocessing and encoding the inputs */
  int cached_inputs;    /**< inputs that had been encoded before */
  double prompt_ms;     /**< evaluating what the model had not seen yet */
  double first_text_ms; /**< from the call to the first piece of the answer */
  double generate_ms;   /**< from the first sampled token to the last */
  int prompt_tokens;    /**< positions evaluated for the prompt */
  int reused_tokens;    /**< positions taken from the cache */
  int generated_tokens; /**< the stop string included */
  int guessed_tokens;   /**< by prompt look-up */
  int accepted_tokens;  /**< of the guessed ones, those that were right */
} pandagpt_timings;

typedef struct pandagpt_answer pandagpt_answer;
PANDAGPT_API void pandagpt_answer_free(pandagpt_answer* answer);
/** Without surrounding white space. `size`, unless NULL, becomes its bytes. */
PANDAGPT_API const char* pandagpt_answer_text(const pandagpt_answer* answer, size_t* size);
/** -1 for NULL. */
PANDAGPT_API pandagpt_finish pandagpt_answer_finish(const pandagpt_answer* answer);
/** The seed that was used. */
PANDAGPT_API uint32_t pandagpt_answer_seed(const pandagpt_answer* answer);
/** An input is far from all that the model knows: the text begins with "I am not sure". */
PANDAGPT_API bool pandagpt_answer_is_unsure(const pandagpt_answer* answer);
/** What to know about the inputs or the question, one sentence each. */
PANDAGPT_API size_t pandagpt_answer_warning_count(const pandagpt_answer* answer);
/** NULL from the count on. */
PANDAGPT_API const char* pandagpt_answer_warning(const pandagpt_answer* answer, size_t index);
PANDAGPT_API pandagpt_status pandagpt_answer_timings(const pandagpt_answer* answer,
                                                     pandagpt_timings* timings);

/* ---- models ---- */

/** What becomes of the earlier inputs of a chat when a later question has inputs of its own. */
typedef int pandagpt_later_inputs;
enum {
  PANDAGPT_LATER_INPUTS_NOT_GIVEN = 0, /**< as the model folder says */
  PANDAGPT_LATER_INPUTS_REPLACE = 1,   /**< the newest take the place of the earlier ones */
  PANDAGPT_LATER_INPUTS_KEEP = 2       /**< the inputs of each question stay in its turn */
};

/** Gets a warning about an input or a question before its answer. */
typedef void (*pandagpt_on_warning)(const char* warning, void* user);

typedef struct pandagpt_panda_options {
  size_t struct_size;
  const char* device;         /**< "auto" (default; also NULL), "cpu", or a GPU's name: "cuda0" */
  const char* encoder_device; /**< of the encoders; NULL: the same */
  int n_gpu_layers;           /**< of the language model; negative is all */
  bool repack;                /**< faster inference, slower loading; default true */
  const char* const*
      rpc_servers; /**< HOST:PORT of llama.cpp's rpc-servers; n_rpc_servers of them */
  size_t n_rpc_servers;
  bool use_adapter; /**< default true */
  int n_threads;    /**< 0: one a physical core */
  int n_ctx;        /**< positions of a conversation; 0: the model folder's own value */
  pandagpt_later_inputs later_inputs;
  bool verify;                /**< compare every file's SHA-256 with the manifest; default false */
  bool use_cache;             /**< inputs of the same content aren't encoded again; default true */
  const char* cache_file;     /**< the same on disk, an SQLite file; NULL: none */
  uint64_t max_pixels;        /**< of a picture, a map, or a film's frame; 0 is no limit */
  double max_seconds;         /**< length of a sound or a film; 0 is no limit */
  double max_decode_seconds;  /**< that decoding one input may take; 0 is no limit */
  bool say_unsure;            /**< "I am not sure; perhaps .." where that is so; default true */
  const char* system_message; /**< for a language model alone (*.gguf); NULL: none */
  pandagpt_on_warning on_warning; /**< NULL: none. By several threads at once if several ask */
  void* on_warning_user;
  int n_parallel; /**< answers computed at once, each in a cache of n_ctx positions; default 1 */
} pandagpt_panda_options;
PANDAGPT_API pandagpt_status pandagpt_panda_options_init(pandagpt_panda_options* options,
                                                         size_t struct_size);

/** What a model folder says about itself. Texts belong to the panda. */
typedef struct pandagpt_model_info {
  size_t struct_size; /**< to be set before the call */
  const char* name;
  const char* folder;
  const char* licence;      /**< an SPDX expression */
  const char* licence_note; /**< what it means, in one line; may be empty */
  const char* limitations;  /**< what the model can't do, in one line; may be empty */
  const char* provenance;
  const char* language_model;
  int embedding_dim;
  int n_image_tokens; /**< positions that an input takes in the prompt */
  int n_ctx;          /**< positions of a conversation */
  pandagpt_later_inputs later_inputs;
  const pandagpt_modality* modalities; /**< n_modalities of them */
  size_t n_modalities;
  const char* const* example_questions; /**< n_example_questions of them */
  size_t n_example_questions;
} pandagpt_model_info;

typedef struct pandagpt_panda pandagpt_panda;
/** `model` is a folder with a panda.json, the name of one in the model path ($PANDAGPT_MODELS, the
 * user's data folder), or a language model's *.gguf. */
PANDAGPT_API pandagpt_status pandagpt_panda_open(const char* model,
                                                 const pandagpt_panda_options* options,
                                                 pandagpt_panda** panda);
PANDAGPT_API void pandagpt_panda_free(pandagpt_panda* panda);
PANDAGPT_API pandagpt_status pandagpt_panda_info(const pandagpt_panda* panda,
                                                 pandagpt_model_info* info);
/** Fills `options` with the model folder's sampling defaults, which NULL means in an ask. */
PANDAGPT_API pandagpt_status pandagpt_generate_options_init(const pandagpt_panda* panda,
                                                            pandagpt_generate_options* options,
                                                            size_t struct_size);
/** Answers one question, without history. `inputs` may be NULL or empty: text alone. */
PANDAGPT_API pandagpt_status pandagpt_panda_ask(const pandagpt_panda* panda,
                                                const pandagpt_inputs* inputs, const char* question,
                                                const pandagpt_generate_options* options,
                                                pandagpt_on_text on_text, void* user,
                                                pandagpt_answer** answer);
/** Writes (inputs, embedding_dim) row-major floats, in the joint space; weights are not applied.
 * `n_values` is the room in `rows`; PANDAGPT_ERROR_USAGE if it is too small. */
PANDAGPT_API pandagpt_status pandagpt_panda_embed(const pandagpt_panda* panda,
                                                  const pandagpt_inputs* inputs, float* rows,
                                                  size_t n_values);

/* ---- chats ---- */

/** A conversation with history. Only what is new is evaluated on each turn. */
typedef struct pandagpt_chat pandagpt_chat;
/** One question and its answer. */
typedef struct pandagpt_turn {
  const char* question;
  const char* answer;
} pandagpt_turn;
PANDAGPT_API pandagpt_status pandagpt_chat_create(const pandagpt_panda* panda,
                                                  pandagpt_chat** chat);
PANDAGPT_API void pandagpt_chat_free(pandagpt_chat* chat);
/** What the conversation is about from now on: all inputs before are dropped, the history stays.
 * NULL or empty: nothing. */
PANDAGPT_API pandagpt_status pandagpt_chat_set_inputs(pandagpt_chat* chat,
                                                      const pandagpt_inputs* inputs);
/** What the next question is about; see pandagpt_later_inputs. */
PANDAGPT_API pandagpt_status pandagpt_chat_add_inputs(pandagpt_chat* chat,
                                                      const pandagpt_inputs* inputs);
/** PANDAGPT_ERROR_USAGE if the context is full; the conversation is then as it was before. */
PANDAGPT_API pandagpt_status pandagpt_chat_ask(pandagpt_chat* chat, const char* question,
                                               const pandagpt_generate_options* options,
                                               pandagpt_on_text on_text, void* user,
                                               pandagpt_answer** answer);
/** Answers the last question again. PANDAGPT_ERROR_USAGE if there is none. */
PANDAGPT_API pandagpt_status pandagpt_chat_regenerate(pandagpt_chat* chat,
                                                      const pandagpt_generate_options* options,
                                                      pandagpt_on_text on_text, void* user,
                                                      pandagpt_answer** answer);
/** Forgets history and inputs. */
PANDAGPT_API pandagpt_status pandagpt_chat_reset(pandagpt_chat* chat);
PANDAGPT_API size_t pandagpt_chat_turn_count(const pandagpt_chat* chat);
/** The texts are valid until the next call with this chat. PANDAGPT_ERROR_USAGE from the count on.
 */
PANDAGPT_API pandagpt_status pandagpt_chat_turn(pandagpt_chat* chat, size_t index,
                                                pandagpt_turn* turn);
/** Continues from a conversation held elsewhere. `turns` may be NULL if `n_turns` is 0. */
PANDAGPT_API pandagpt_status pandagpt_chat_set_history(pandagpt_chat* chat,
                                                       const pandagpt_turn* turns, size_t n_turns);
/** One more turn of it: the next question, about the inputs set for it, and its answer. */
PANDAGPT_API pandagpt_status pandagpt_chat_add_turn(pandagpt_chat* chat, const char* question,
                                                    const char* answer);

/* ---- embeddings ---- */

typedef struct pandagpt_embedder_options {
  size_t struct_size;
  int n_threads;          /**< 0: one a physical core */
  const char* device;     /**< "cpu" (default; also NULL); "auto": a GPU where there is one */
  int max_batch;          /**< pictures or texts that are computed in one go; default 8 */
  bool use_cache;         /**< inputs of the same content aren't encoded again; default true */
  const char* cache_file; /**< the same on disk, an SQLite file; NULL: none */
} pandagpt_embedder_options;
PANDAGPT_API pandagpt_status pandagpt_embedder_options_init(pandagpt_embedder_options* options,
                                                            size_t struct_size);

/** The encoders of a model, without its language model. Similar things lie in similar directions:
 * compare rows by their cosine. */
typedef struct pandagpt_embedder pandagpt_embedder;
/** `model` is a model folder, the name of one in the model path, or an encoders file (*.gguf). */
PANDAGPT_API pandagpt_status pandagpt_embedder_open(const char* model,
                                                    const pandagpt_embedder_options* options,
                                                    pandagpt_embedder** embedder);
PANDAGPT_API void pandagpt_embedder_free(pandagpt_embedder* embedder);
/** Name of the model folder, or of the encoders file. */
PANDAGPT_API const char* pandagpt_embedder_name(const pandagpt_embedder* embedder);
/** Changes with the weights and with everything that is done to an input before them. */
PANDAGPT_API const char* pandagpt_embedder_fingerprint(const pandagpt_embedder* embedder);
/** Embedding dimension. */
PANDAGPT_API int pandagpt_embedder_dim(const pandagpt_embedder* embedder);
PANDAGPT_API bool pandagpt_embedder_takes(const pandagpt_embedder* embedder,
                                          pandagpt_modality modality);
PANDAGPT_API bool pandagpt_embedder_takes_text(const pandagpt_embedder* embedder);
/** Writes (inputs, dim) row-major: each row is L2-normalised, then multiplied by its modality's
 * logit scale, as in ImageBind. Weights are not applied. `n_values` is the room in `rows`. Fails
 * with the first input that can't be embedded. */
PANDAGPT_API pandagpt_status pandagpt_embedder_embed(const pandagpt_embedder* embedder,
                                                     const pandagpt_inputs* inputs, float* rows,
                                                     size_t n_values);
/** The same of texts of up to 64 KiB: (texts, dim). */
PANDAGPT_API pandagpt_status pandagpt_embedder_embed_texts(const pandagpt_embedder* embedder,
                                                           const char* const* texts, size_t n_texts,
                                                           float* rows, size_t n_values);
/** Writes (dim): the sum of the inputs' embeddings, each L2-normalised and times its weight,
 * L2-normalised if it is not zero. PANDAGPT_ERROR_USAGE without inputs. */
PANDAGPT_API pandagpt_status pandagpt_embedder_combine(const pandagpt_embedder* embedder,
                                                       const pandagpt_inputs* inputs, float* row,
                                                       size_t n_values);

/** What became of each of several inputs or texts, in their order: a row or an error. */
typedef struct pandagpt_embed_results pandagpt_embed_results;
/** As embed and embed_texts, but one that can't be embedded doesn't stop the others. Fails only
 * with what none of them is to blame for. */
PANDAGPT_API pandagpt_status pandagpt_embedder_embed_each(const pandagpt_embedder* embedder,
                                                          const pandagpt_inputs* inputs,
                                                          pandagpt_embed_results** results);
PANDAGPT_API pandagpt_status pandagpt_embedder_embed_texts_each(const pandagpt_embedder* embedder,
                                                                const char* const* texts,
                                                                size_t n_texts,
                                                                pandagpt_embed_results** results);
PANDAGPT_API void pandagpt_embed_results_free(pandagpt_embed_results* results);
PANDAGPT_API size_t pandagpt_embed_results_count(const pandagpt_embed_results* results);
/** (dim), or NULL if this one has an error, and from the count on. */
PANDAGPT_API const float* pandagpt_embed_results_row(const pandagpt_embed_results* results,
                                                     size_t index);
/** PANDAGPT_OK if there is a row; PANDAGPT_ERROR_USAGE from the count on. */
PANDAGPT_API pandagpt_status pandagpt_embed_results_status(const pandagpt_embed_results* results,
                                                           size_t index);
/** The error's text; empty if there is a row, NULL from the count on. */
PANDAGPT_API const char* pandagpt_embed_results_error(const pandagpt_embed_results* results,
                                                      size_t index);

#ifdef __cplusplus
}
#endif

#endif /* PANDAGPT_PANDAGPT_H */
