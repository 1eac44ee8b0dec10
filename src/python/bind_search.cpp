// Search in an index of media files.
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/threads.h"
#include "python/bindings.h"
#include "search/index_job.h"
#include "search/kinds.h"
#include "search/searcher.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace pandagpt::python {
namespace {

namespace fs = std::filesystem;
using Dictionary = nb::typed<nb::dict, nb::str, nb::any>;
using Tuples = nb::typed<nb::list, nb::typed<nb::tuple, nb::any, nb::ellipsis>>;
using Release = nb::call_guard<nb::gil_scoped_release>;

fs::path path_of(const nb::bytes& path) {
  return std::string(path.c_str(), path.size());
}

/// As os.fsdecode() reads it.
nb::object python_path(const fs::path& path) {
  const std::string& text = path.native();
  return nb::steal(
      PyUnicode_DecodeFSDefaultAndSize(text.data(), static_cast<Py_ssize_t>(text.size())));
}

/// An open index. Its database is one connection, so one thread at a time reads it.
class Index {
 public:
  Index(const fs::path& database, const std::vector<Modality>& kinds)
      : searcher_(database, kinds) {}

  const ModelStamp& model() const { return searcher_.model(); }

  std::vector<SearchGroup> search(const Embedder& embedder, const std::string& model,
                                  const SearchQuery& query, int k) const {
    const EmbedderEncoder encoder(embedder, model);
    searcher_.require_model(encoder.stamp());
    const std::vector<float> vector = query_vector(encoder, query);
    const std::lock_guard lock(mutex_);
    return searcher_.search(vector, k);
  }

 private:
  Searcher searcher_;
  mutable std::mutex mutex_;
};

Dictionary facts_of(const MediaFacts& facts) {
  Dictionary dict;
  for_known(facts, [&](const char* key, auto value) { dict[key] = value; });
  return dict;
}

/// (score, paths, SHA-256, facts)
nb::tuple hit_of(const SearchHit& hit) {
  nb::list paths;
  for (const IndexedFile& file : hit.item.files)
    paths.append(python_path(file.path));
  return nb::make_tuple(hit.score, paths, hit.item.content.sha256,
                        facts_of(hit.item.content.facts));
}

/// (kind, number of indexed contents, whether all were compared, hits)
Tuples groups_of(const std::vector<SearchGroup>& groups) {
  Tuples list;
  for (const SearchGroup& group : groups) {
    nb::list hits;
    for (const SearchHit& hit : group.hits)
      hits.append(hit_of(hit));
    list.append(nb::make_tuple(to_string(group.kind), group.n_indexed, group.exact, hits));
  }
  return list;
}

Dictionary report_of(const IndexJobResult& result) {
  Dictionary report;
  report["found"] = result.n_found;
  report["unchanged"] = result.n_unchanged;
  report["embedded"] = result.n_embedded;
  report["known_content"] = result.n_known;
  report["removed"] = result.n_removed;
  nb::list failures;
  for (const FailedFile& one : result.failures)
    failures.append(nb::make_tuple(python_path(one.path), one.error));
  report["failures"] = failures;
  return report;
}

IndexJobOptions job_of(const fs::path& folder, const fs::path& database,
                       const std::vector<std::string>& rules,
                       const std::vector<std::string>& excludes) {
  IndexJobOptions job;
  job.scan.folder = folder;
  job.scan.excludes = excludes;
  for (const std::string& rule : rules)
    job.scan.rules.push_back(parse_kind_rule(rule));
  job.database = database;
  job.n_workers = 1 + default_thread_count();
  return job;
}

}  // namespace

void bind_search(nb::module_& m) {
  m.def(
      "update_index",
      [](const Embedder& embedder, const std::string& model, const nb::bytes& folder,
         const nb::bytes& database, const std::vector<std::string>& rules,
         const std::vector<std::string>& excludes, bool rebuild) {
        IndexJobOptions job = job_of(path_of(folder), path_of(database), rules, excludes);
        job.rebuild = rebuild;
        const EmbedderEncoder encoder(embedder, model);
        IndexJobResult result;
        {
          const nb::gil_scoped_release release;
          result = run_index_job(encoder, job);
        }
        return report_of(result);
      },
      "embedder"_a, "model"_a, "folder"_a, "database"_a, "rules"_a, "excludes"_a, "rebuild"_a);
  m.def("has_index", [](const nb::bytes& database) { return Store::exists(path_of(database)); });
  nb::class_<Index>(m, "Index")
      .def("__init__",
           [](Index* index, const nb::bytes& database, const std::string& kinds) {
             const fs::path path = path_of(database);
             const nb::gil_scoped_release release;
             new (index) Index(path, kinds.empty() ? std::vector<Modality>{} : parse_kinds(kinds));
           })
      .def_prop_ro("model", [](const Index& index) { return index.model().model; })
      .def_prop_ro("model_name", [](const Index& index) { return index.model().name; })
      .def(
          "search",
          [](const Index& index, const Embedder& embedder, const std::string& model,
             const std::vector<std::pair<std::string, float>>& texts, const Inputs& inputs, int k) {
            SearchQuery query{{}, inputs};
            for (const auto& [text, weight] : texts)
              query.texts.push_back({text, weight});
            std::vector<SearchGroup> groups;
            {
              const nb::gil_scoped_release release;
              groups = index.search(embedder, model, query, k);
            }
            return groups_of(groups);
          },
          "embedder"_a, "model"_a, "texts"_a, "inputs"_a, "k"_a);
}

}  // namespace pandagpt::python
