#include "server/api_error.h"

#include <spdlog/spdlog.h>

#include <new>
#include <utility>

#include "llm/batch_scheduler.h"
#include "pandagpt/error.h"

namespace pandagpt {

using Json = nlohmann::ordered_json;

Json ApiError::to_json() const {
  Json error{{"message", what()},
             {"type", type_},
             {"param", param_.empty() ? Json() : Json(param_)},
             {"code", code_.empty() ? Json() : Json(code_)}};
  error.update(details_.is_null() ? Json::object() : details_);
  return {{"error", std::move(error)}};
}

ApiError api_error_of(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const ApiError& error) {
    return error;
  } catch (const ContextFull& error) {
    return ApiError::context_size(error.what(), error.n_positions(), error.n_ctx());
  } catch (const SchedulerFull& error) {
    return ApiError::unavailable(error.what());
  } catch (const Error& error) {
    switch (error.kind()) {
      case ErrorKind::kUsage:
      case ErrorKind::kInput:
      case ErrorKind::kModel:  // of a loaded model: it lacks the tower for what was sent
        return ApiError::invalid(error.what());
      case ErrorKind::kInternal:
        break;
    }
    spdlog::error("{}", error.what());
    return {500, "server_error", error.what()};
  } catch (const std::bad_alloc&) {
    spdlog::error("out of memory for a request");
    return ApiError::unavailable("out of memory; try again later, or with less");
  } catch (const std::exception& error) {
    spdlog::error("{}", error.what());
    return {500, "server_error", "the server failed on this request; its log says more"};
  }
}

std::string dump_json(const Json& value) {
  return value.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

}  // namespace pandagpt
