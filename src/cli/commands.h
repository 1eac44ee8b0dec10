// The subcommands of `pandagpt`. Each function adds one; its work is done in the parse's callback,
// which throws Error (main.cpp turns its kind into the exit code).
#pragma once

#include <CLI/CLI.hpp>

namespace pandagpt {

void add_ask(CLI::App& app);
void add_run(CLI::App& app);
void add_chat(CLI::App& app);
void add_models(CLI::App& app);
void add_list(CLI::App& app);  ///< the same as models list
void add_bench(CLI::App& app);
void add_convert(CLI::App& app);
void add_convert_delta(CLI::App& convert);   ///< below convert
void add_convert_vicuna(CLI::App& convert);  ///< below convert
void add_merge(CLI::App& app);
void add_quantize(CLI::App& app);
void add_facts(CLI::App& app);
void add_inspect(CLI::App& app);
void add_eval(CLI::App& app);
void add_embed(CLI::App& app);
void add_classify(CLI::App& app);
void add_search(CLI::App& app);
void add_serve(CLI::App& app);
void add_rpc_server(CLI::App& app);

}  // namespace pandagpt
