// Embedder, and labels for its embeddings.
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "embed/zero_shot.h"
#include "pandagpt/embedder.h"
#include "python/bindings.h"
#include "python/errors.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace pandagpt::python {
namespace {

using Results = nb::typed<nb::list, nb::any>;
using Row = nb::ndarray<nb::numpy, float, nb::ndim<1>>;
using GivenRows = nb::ndarray<const float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

/// (shape), which owns the values.
template <typename Array>
Array array_of(std::vector<float> values, std::initializer_list<std::size_t> shape) {
  auto owned = std::make_unique<std::vector<float>>(std::move(values));
  float* data = owned->data();
  const nb::capsule owner(owned.release(), [](void* pointer) noexcept {
    delete static_cast<std::vector<float>*>(pointer);
  });
  return Array(data, shape, owner);
}

Row row_of(std::vector<float> values) {
  const std::size_t width = values.size();
  return array_of<Row>(std::move(values), {width});
}

/// A row, or the exception that says why there is none, for each.
Results results_of(std::vector<EmbedResult> results) {
  Results list;
  for (EmbedResult& result : results) {
    if (result.error) {
      list.append(exception_of(*result.error));
    } else {
      list.append(nb::cast(row_of(std::move(result.row))));
    }
  }
  return list;
}

/// Without the GIL.
template <typename Compute>
auto computed(const Compute& compute) {
  const nb::gil_scoped_release release;
  return compute();
}

/// Two arrays (rows, labels) in the order of the labels: logits and probabilities.
nb::typed<nb::tuple, Rows, Rows> classified(const ZeroShotClassifier& classifier,
                                            std::size_t n_labels, const GivenRows& rows) {
  const std::size_t n_rows = rows.shape(0), width = rows.shape(1);
  std::vector<float> logits(n_rows * n_labels), probabilities(n_rows * n_labels);
  computed([&] {
    for (std::size_t i = 0; i < n_rows; ++i) {
      for (const LabelScore& score : classifier.classify({rows.data() + i * width, width})) {
        logits[i * n_labels + score.label] = score.logit;
        probabilities[i * n_labels + score.label] = score.probability;
      }
    }
    return 0;
  });
  const int n = static_cast<int>(n_labels);
  return nb::make_tuple(rows_of(std::move(logits), n), rows_of(std::move(probabilities), n));
}

/// A classifier with what it was made of.
struct LabelSet {
  LabelSet(const Embedder& embedder, const std::vector<std::string>& labels,
           const std::vector<std::string>& templates)
      : n_labels(labels.size()), classifier(embedder, checked_labels(labels), templates) {}

  std::size_t n_labels;
  ZeroShotClassifier classifier;
};

void bind_labels(nb::module_& m) {
  nb::class_<LabelSet>(m, "LabelSet")
      .def(nb::init<const Embedder&, const std::vector<std::string>&,
                    const std::vector<std::string>&>(),
           "embedder"_a, "labels"_a, "templates"_a, nb::call_guard<nb::gil_scoped_release>())
      .def(
          "classify",
          [](const LabelSet& labels, const GivenRows& rows) {
            return classified(labels.classifier, labels.n_labels, rows);
          },
          "rows"_a);
  m.def(
      "clip_templates",
      [] {
        std::vector<std::string> templates;
        for (const char* one : clip_templates())
          templates.emplace_back(one);
        return templates;
      },
      "The 80 prompts that CLIP was evaluated on ImageNet with.");
}

}  // namespace

Rows rows_of(std::vector<float> values, int width) {
  const auto n_columns = static_cast<std::size_t>(width);
  const std::size_t n_rows = n_columns == 0 ? 0 : values.size() / n_columns;
  return array_of<Rows>(std::move(values), {n_rows, n_columns});
}

void bind_embedder(nb::module_& m) {
  nb::class_<EmbedderOptions>(m, "EmbedderOptions")
      .def(nb::init<>())
      .def_rw("n_threads", &EmbedderOptions::n_threads)
      .def_rw("device", &EmbedderOptions::device)
      .def_rw("max_batch", &EmbedderOptions::max_batch)
      .def_rw("use_cache", &EmbedderOptions::use_cache)
      .def_rw("cache_file", &EmbedderOptions::cache_file);
  nb::class_<Embedder>(m, "Embedder")
      .def(nb::init<const std::string&, const EmbedderOptions&>(), "model"_a, "options"_a,
           nb::call_guard<nb::gil_scoped_release>())
      .def_prop_ro("name", &Embedder::name)
      .def_prop_ro("width", &Embedder::width)
      .def_prop_ro("fingerprint", &Embedder::fingerprint)
      .def_prop_ro("takes_text", &Embedder::takes_text)
      .def_prop_ro("modalities",
                   [](const Embedder& embedder) {
                     std::vector<std::string> names;
                     for (const Modality modality : kAllModalities)
                       if (embedder.takes(modality)) names.push_back(to_string(modality));
                     return names;
                   })
      .def(
          "embed",
          [](const Embedder& embedder, const Inputs& inputs) {
            return rows_of(computed([&] { return embedder.embed(inputs); }), embedder.width());
          },
          "inputs"_a)
      .def(
          "embed_each",
          [](const Embedder& embedder, const Inputs& inputs) {
            return results_of(computed([&] { return embedder.embed_each(inputs); }));
          },
          "inputs"_a)
      .def(
          "embed_texts",
          [](const Embedder& embedder, const std::vector<std::string>& texts) {
            return rows_of(computed([&] { return embedder.embed_texts(texts); }), embedder.width());
          },
          "texts"_a)
      .def(
          "embed_texts_each",
          [](const Embedder& embedder, const std::vector<std::string>& texts) {
            return results_of(computed([&] { return embedder.embed_texts_each(texts); }));
          },
          "texts"_a)
      .def(
          "combine",
          [](const Embedder& embedder, const Inputs& inputs) {
            return row_of(computed([&] { return embedder.combine(inputs); }));
          },
          "inputs"_a);
  bind_labels(m);
}

}  // namespace pandagpt::python
