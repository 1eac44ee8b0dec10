// pandagpt embed: inputs -> vectors in the joint space.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <memory>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "embed/embed_job.h"
#include "embed/vector_file.h"
#include "pipeline/embedding_math.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;

struct EmbedArguments {
  EmbedderArguments model;
  InputArguments inputs;
  std::string manifest;
  std::string root;
  std::string out;
  std::string shard = "0/1";
  bool sum = false;
  bool normalize = false;
  bool restart = false;
};

struct NamedRow {
  std::string id;
  std::vector<float> row;
};

std::vector<NamedRow> embed_inputs(const Embedder& embedder, const EmbedArguments& arguments) {
  const Inputs inputs = arguments.inputs.inputs();
  if (arguments.sum) {
    std::string id;
    for (const Input& input : inputs.items())
      id += (id.empty() ? "" : " + ") + input.name;
    return {{id, embedder.combine(inputs)}};
  }
  std::vector<std::string> ids, texts;
  for (const Input& input : inputs.items())
    ids.push_back(input.name);
  for (const InputArguments::Text& one : arguments.inputs.texts())
    texts.push_back(one.text);
  ids.insert(ids.end(), texts.begin(), texts.end());
  std::vector<float> values = inputs.empty() ? std::vector<float>{} : embedder.embed(inputs);
  if (!texts.empty()) std::ranges::copy(embedder.embed_texts(texts), std::back_inserter(values));
  const auto width = static_cast<std::size_t>(embedder.width());
  std::vector<NamedRow> rows;
  for (std::size_t i = 0; i < ids.size(); ++i)
    rows.push_back({ids[i], {values.begin() + i * width, values.begin() + (i + 1) * width}});
  return rows;
}

void write_rows(std::vector<NamedRow> rows, const EmbedArguments& arguments, int width) {
  for (NamedRow& one : rows)
    if (arguments.normalize) bring_to_length_one(one.row);
  if (arguments.out.empty()) {
    for (const NamedRow& one : rows)
      write_json({{"id", one.id}, {"embedding", one.row}});
    return;
  }
  VectorFile file(arguments.out, width, "inputs of the command line", /*restart=*/true);
  for (std::size_t i = 0; i < rows.size(); ++i)
    file.add(static_cast<std::int64_t>(i) + 1, rows[i].id, rows[i].row);
  file.finish();
}

void run_manifest(const Embedder& embedder, const EmbedArguments& arguments) {
  EmbedJobOptions options;
  options.manifest = arguments.manifest;
  options.root = arguments.root.empty() ? fs::path(arguments.manifest).parent_path()
                                        : fs::path(arguments.root);
  options.out = arguments.out;
  options.sensor = arguments.inputs.sensor();
  options.shard = parse_shard(arguments.shard);
  options.normalize = arguments.normalize;
  options.restart = arguments.restart;
  const EmbedJobResult result = run_embed_job(embedder, options);
  std::fprintf(stderr, "%lld embedded, %lld failed%s\n", static_cast<long long>(result.n_embedded),
               static_cast<long long>(result.n_failed),
               result.n_failed > 0 ? (": see " + arguments.out + ".index.jsonl").c_str() : "");
  if (result.n_embedded == 0 && result.n_failed > 0)
    throw Error(ErrorKind::kInput, arguments.manifest + ": none of its items could be embedded");
}

void check(const EmbedArguments& arguments) {
  const bool has_inputs = !arguments.inputs.inputs().empty() || !arguments.inputs.texts().empty();
  if (has_inputs != arguments.manifest.empty())
    throw Error(ErrorKind::kUsage, "give either inputs (--image, --text, ..) or --manifest");
  if (!arguments.manifest.empty() && arguments.out.empty())
    throw Error(ErrorKind::kUsage, "--manifest needs --out F.npy or F.jsonl");
  if (arguments.sum && (!arguments.inputs.texts().empty() || !arguments.manifest.empty()))
    throw Error(ErrorKind::kUsage, "--sum goes with --image, --audio, .. only");
  if (!arguments.out.empty()) vector_format(arguments.out);
  parse_shard(arguments.shard);
  arguments.inputs.check_standard_input();
}

void run_embed(const EmbedArguments& arguments) {
  check(arguments);
  const Embedder embedder = arguments.model.open();
  if (!arguments.manifest.empty()) {
    run_manifest(embedder, arguments);
  } else {
    write_rows(embed_inputs(embedder, arguments), arguments, embedder.width());
  }
}

}  // namespace

void add_embed(CLI::App& app) {
  const auto arguments = std::make_shared<EmbedArguments>();
  CLI::App* command = app.add_subcommand(
      "embed", "Vectors of pictures, sounds, texts, .. in one space (.npy or .jsonl)");
  arguments->inputs.add_to(*command);
  arguments->inputs.add_text_to(*command);
  command
      ->add_option("--manifest", arguments->manifest,
                   "list of inputs, one a line: PATH, or KIND, a tab and PATH or text, or "
                   "{\"id\": .., \"image\": .., \"audio\": ..}")
      ->group("Inputs");
  command
      ->add_option("--root", arguments->root,
                   "folder of relative paths in the list (default: the list's own)")
      ->group("Inputs");
  command->add_option("-o,--out", arguments->out,
                      "F.npy or F.jsonl; without it, JSON lines on standard output");
  command->add_flag("--sum", arguments->sum,
                    "one vector: the inputs' directions, each times its --weight, summed");
  command->add_flag("--normalize", arguments->normalize, "bring every vector to length 1");
  command
      ->add_option("--shard", arguments->shard,
                   "i/n: only the list's lines i, i + n, ..; i from 0 to n - 1")
      ->capture_default_str();
  command->add_flag("--restart", arguments->restart,
                    "begin anew even if F exists or was begun before");
  arguments->model.add_to(*command);
  command->footer(
      "Examples:\n"
      "  pandagpt embed --image dog.jpg --image cat.jpg -o animals.npy\n"
      "  pandagpt embed --image beach.jpg --audio rain.wav --weight 0.5 --sum\n"
      "  pandagpt embed --manifest list.txt -o vectors.npy --shard $SLURM_ARRAY_TASK_ID/16\n"
      "A run with --manifest that was stopped goes on when it is started again.");
  command->callback([arguments] { run_embed(*arguments); });
}

}  // namespace pandagpt
