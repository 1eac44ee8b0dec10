// pandagpt search index | query | status: an index of media files.
#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <ostream>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "core/file.h"
#include "core/threads.h"
#include "core/utf8.h"
#include "report/html_text.h"
#include "search/index_job.h"
#include "search/kinds.h"
#include "search/results_page.h"
#include "search/searcher.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::size_t kListedFailures = 20;

/// Names of files may hold anything; what would disturb a terminal is shown as in JSON.
std::string printable(const std::string& text) {
  if (is_printable_utf8(text)) return text;
  return Json(text).dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace);
}

/// The index's own model unless another one was asked for.
Embedder open_embedder(EmbedderArguments& model, const CLI::App& command,
                       const fs::path& database) {
  const bool given = command.count("--model") > 0;
  if (!given && Store::exists(database)) model.model = Store::open(database).model().model;
  return model.open();
}

Json to_json(const std::vector<FailedFile>& failures) {
  Json list = Json::array();
  for (const FailedFile& one : failures)
    list.push_back({{"path", one.path.string()}, {"error", one.error}});
  return list;
}

Json to_json(const std::vector<LeftOutFile>& files) {
  Json list = Json::array();
  for (const LeftOutFile& one : files)
    list.push_back({{"path", one.path.string()}, {"reason", to_string(one.reason)}});
  return list;
}

// ---- index ----

struct IndexArguments {
  EmbedderArguments model;
  IndexJobOptions job;
  std::vector<std::string> rules;
  bool json = false;
};

Json to_json(const IndexJobResult& result) {
  Json left_out = Json::object();
  for (const auto& [kind, count] : result.left_out)
    left_out[to_string(kind)] = count;
  Json unreadable = Json::array();
  for (const fs::path& folder : result.unreadable)
    unreadable.push_back(folder.string());
  return {{"found", result.n_found},
          {"unchanged", result.n_unchanged},
          {"embedded", result.n_embedded},
          {"known_content", result.n_known},
          {"removed", result.n_removed},
          {"failures", to_json(result.failures)},
          {"unreadable_folders", unreadable},
          {"left_out", left_out},
          {"left_out_files", to_json(result.left_out_files)}};
}

void warn_about(const IndexJobResult& result, const fs::path& database) {
  for (const fs::path& folder : result.unreadable)
    spdlog::warn("{}: the folder can't be read; what is known of it stays",
                 printable(folder.string()));
  const std::size_t listed = std::min(result.failures.size(), kListedFailures);
  for (std::size_t i = 0; i < listed; ++i)
    spdlog::warn("left out: {}", printable(result.failures[i].error));
  if (result.failures.size() > listed)
    spdlog::warn("left out: {} more; 'pandagpt search status --db {} --failures' lists them",
                 result.failures.size() - listed, printable(database.string()));
  for (const auto& [kind, count] : result.left_out)
    spdlog::warn("left out: {} of kind {}, which the model doesn't take", count, to_string(kind));
}

void run_index(IndexArguments& arguments, const CLI::App& command) {
  IndexJobOptions& job = arguments.job;
  for (const std::string& rule : arguments.rules)
    job.scan.rules.push_back(parse_kind_rule(rule));
  const int n_threads = arguments.model.options.n_threads;
  job.n_workers = 1 + (n_threads > 0 ? n_threads : default_thread_count());
  arguments.model.options.max_batch = job.batch_size;
  arguments.model.options.use_cache = false;  // the index remembers what it has encoded
  const Embedder embedder = open_embedder(arguments.model, command, job.database);
  const EmbedderEncoder encoder(embedder, arguments.model.model);
  const IndexJobResult result = run_index_job(encoder, job);
  warn_about(result, job.database);
  if (arguments.json) return write_json(to_json(result));
  write_output(fmt::format(
      "{} files: {} unchanged, {} embedded, {} with known content, {} failed; {} removed\n",
      result.n_found, result.n_unchanged, result.n_embedded, result.n_known, result.failures.size(),
      result.n_removed));
  const std::string left_out = left_out_summary(result.left_out_files);
  if (!left_out.empty()) write_output("left out: " + left_out + "\n");
}

void add_index(CLI::App& search) {
  const auto arguments = std::make_shared<IndexArguments>();
  IndexJobOptions& job = arguments->job;
  CLI::App* command =
      search.add_subcommand("index", "bring the index of a folder up to date, or make one");
  command->add_option("folder", job.scan.folder, "folder with media files, and all below it")
      ->required();
  command->add_option("--db", job.database, "folder of the index")->required();
  command
      ->add_option("--as", arguments->rules,
                   "KIND:PATTERN, any number of times: files that fit are of the kind (image, "
                   "video, audio, thermal, depth, imu), whatever their extension")
      ->take_all();
  command
      ->add_option("--exclude", job.scan.excludes,
                   "files and folders that fit this pattern are left out (any number of times)")
      ->take_all();
  command
      ->add_option(
          "--log-step", job.scan.log_step,
          "take robots' logs (MCAP, ROS bags), too: the pictures, depth maps and motion of "
          "their topics, one every so many seconds")
      ->check(CLI::Range(0.001, 1e6))
      ->type_name("SECONDS");
  command->add_flag("--hidden", job.scan.hidden, "also names that start with a dot");
  command->add_flag("--follow-links", job.scan.follow_links,
                    "also folders that are symbolic links");
  command->add_flag("--rehash", job.rehash,
                    "read files again even if size and time are what they were");
  command->add_flag("--rebuild", job.rebuild, "forget what is there, for example of another model");
  command->add_option("--batch", job.batch_size, "pictures that are encoded together")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command->add_flag("--json", arguments->json, "print JSON");
  arguments->model.add_to(*command);
  command->footer(
      "Only what is missing or has changed is read; files that are gone are forgotten. A run that "
      "was\n"
      "killed goes on where it stopped. Patterns are those of a shell and are compared with the "
      "path\n"
      "below the folder and with the name; give the same ones each time.\n"
      "Without --model: that of the index, or panda-mini for a new one.\n"
      "Examples:\n"
      "  pandagpt search index ~/Pictures --db ~/.pictures-index --model imagebind-huge\n"
      "  pandagpt search index drone --db drone.index --as 'thermal:*_ir.png' --as "
      "'imu:imu/*.csv'");
  command->callback([arguments, command] { run_index(*arguments, *command); });
}

// ---- query ----

struct QueryArguments {
  EmbedderArguments model;
  InputArguments inputs;
  fs::path database;
  std::string kinds;
  int k = 10;
  bool json = false;
  std::string html;
};

Json to_json(const MediaFacts& facts) {
  Json json = Json::object();
  for_known(facts, [&](const char* key, auto value) { json[key] = value; });
  return json;
}

Json to_json(const SearchHit& hit) {
  Json files = Json::array();
  for (const IndexedFile& file : hit.item.files)
    files.push_back(
        {{"path", file.path.string()}, {"uri", file_uri(file.path)}, {"size", file.size}});
  return {{"score", hit.score},
          {"files", files},
          {"sha256", hit.item.content.sha256},
          {"media", to_json(hit.item.content.facts)}};
}

Json report_of(const ResultsPage& page) {
  Json texts = Json::array(), groups = Json::array();
  for (const WeightedText& one : page.query.texts)
    texts.push_back({{"text", one.text}, {"weight", one.weight}});
  for (const SearchGroup& group : page.groups) {
    Json hits = Json::array();
    for (const SearchHit& hit : group.hits)
      hits.push_back(to_json(hit));
    groups.push_back({{"kind", to_string(group.kind)},
                      {"indexed", group.n_indexed},
                      {"exact", group.exact},
                      {"hits", hits}});
  }
  return {{"model", page.model_name},
          {"texts", texts},
          {"inputs", to_json(page.query.inputs)},
          {"groups", groups}};
}

std::string text_of(const std::vector<SearchGroup>& groups) {
  std::string text;
  for (const SearchGroup& group : groups) {
    text += fmt::format("{} ({} indexed)\n", to_string(group.kind), group.n_indexed);
    for (const SearchHit& hit : group.hits) {
      const std::vector<IndexedFile>& files = hit.item.files;
      text += fmt::format("{:>8.4f}  {}\n", hit.score, printable(files.front().path.string()));
      for (std::size_t i = 1; i < files.size(); ++i)
        text += fmt::format("{:>8}  {}\n", "same", printable(files[i].path.string()));
    }
  }
  return text;
}

void run_query(QueryArguments& arguments, const CLI::App& command) {
  arguments.inputs.check_standard_input();
  ResultsPage page;
  page.database = arguments.database;
  page.query.inputs = arguments.inputs.inputs();
  for (const InputArguments::Text& one : arguments.inputs.texts())
    page.query.texts.push_back({one.text, one.weight});
  const std::vector<Modality> kinds =
      arguments.kinds.empty() ? std::vector<Modality>{} : parse_kinds(arguments.kinds);
  const Searcher searcher(arguments.database, kinds);
  const Embedder embedder = open_embedder(arguments.model, command, arguments.database);
  const EmbedderEncoder encoder(embedder, arguments.model.model);
  searcher.require_model(encoder.stamp());
  page.model_name = embedder.name();
  page.groups = searcher.search(query_vector(encoder, page.query), arguments.k);
  if (!arguments.html.empty()) {
    const std::string html = to_html(page);
    write_file_atomically(arguments.html, [&](std::ostream& out) { out << html; });
  }
  if (arguments.json) return write_json(report_of(page));
  write_output(text_of(page.groups));
}

void add_query(CLI::App& search) {
  const auto arguments = std::make_shared<QueryArguments>();
  CLI::App* command = search.add_subcommand("query", "the files nearest to texts, pictures, ..");
  arguments->inputs.add_text_to(*command);
  arguments->inputs.add_to(*command);
  command->add_option("--db", arguments->database, "folder of the index")->required();
  command->add_option("--kind", arguments->kinds,
                      "only these kinds, separated by commas: image,audio");
  command->add_option("-k,--top-k", arguments->k, "results of each kind")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  command->add_flag("--json", arguments->json, "print JSON");
  command->add_option("--html", arguments->html, "also write a page with thumbnails");
  arguments->model.add_to(*command);
  command->footer(
      "Several texts and inputs are looked for together: their directions, each times its "
      "--weight,\n"
      "are summed. Results come by kind, because scores of different kinds can't be compared.\n"
      "Without --model: that of the index.\n"
      "Examples:\n"
      "  pandagpt search query --db pictures.index --text \"a dog on the beach\" --html dogs.html\n"
      "  pandagpt search query --db pictures.index --audio rain.wav --kind image -k 5\n"
      "  pandagpt search query --db pictures.index --image car.jpg --text night --weight 0.5 "
      "--json");
  command->callback([arguments, command] { run_query(*arguments, *command); });
}

// ---- status ----

void run_status(const fs::path& database, bool failures, bool lists_left_out, bool json) {
  const Store store = Store::open(database);
  const ModelStamp& model = store.model();
  Json kinds = Json::array();
  std::string text = fmt::format("model  {} ({}), {} numbers a vector\n", model.name,
                                 printable(model.model), model.width);
  for (const Modality kind : kAllModalities) {
    const std::int64_t n_files = store.n_files(kind), n_vectors = store.n_vectors(kind);
    if (n_vectors == 0) continue;
    kinds.push_back({{"kind", to_string(kind)}, {"files", n_files}, {"vectors", n_vectors}});
    text +=
        fmt::format("{:<8} {} files, {} different contents\n", to_string(kind), n_files, n_vectors);
  }
  const std::vector<FailedFile> failed = store.failures();
  text += fmt::format("failed   {} files\n", failed.size());
  const std::vector<LeftOutFile> left_out = store.left_out();
  text += fmt::format("left out {} files and folders\n", left_out.size());
  if (json)
    return write_json({{"model", model.model},
                       {"model_name", model.name},
                       {"fingerprint", model.fingerprint},
                       {"width", model.width},
                       {"kinds", kinds},
                       {"failures", to_json(failed)},
                       {"left_out", to_json(left_out)}});
  for (const FailedFile& one : failures ? failed : std::vector<FailedFile>{})
    text += "  " + printable(one.error) + "\n";
  for (const LeftOutFile& one : lists_left_out ? left_out : std::vector<LeftOutFile>{})
    text += fmt::format("  {}: {}\n", printable(one.path.string()), to_string(one.reason));
  write_output(text);
}

void add_status(CLI::App& search) {
  CLI::App* command = search.add_subcommand("status", "what an index holds");
  const auto database = std::make_shared<fs::path>();
  const auto failures = std::make_shared<bool>(false);
  const auto json = std::make_shared<bool>(false);
  command->add_option("--db", *database, "folder of the index")->required();
  command->add_flag("--failures", *failures, "list the files that could not be indexed");
  command->add_flag("--json", *json, "print JSON");
  const auto left_out = std::make_shared<bool>(false);
  command->add_flag("--left-out", *left_out, "list the files and folders that were left out");
  command->callback([=] { run_status(*database, *failures, *left_out, *json); });
}

}  // namespace

void add_search(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("search", "Find pictures, films and sounds by text, picture or sound");
  command->require_subcommand(1);
  add_index(*command);
  add_query(*command);
  add_status(*command);
}

}  // namespace pandagpt
