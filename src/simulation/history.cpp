#include "simulation/history.h"

namespace holdfast::simulation {

std::string_view to_string(Ending ending) {
  switch (ending) {
    case Ending::pending:
      return "pending";
    case Ending::whole:
      return "whole";
    case Ending::cut:
      return "cut";
    case Ending::error_event:
      return "error_event";
    case Ending::error_status:
      return "error_status";
    case Ending::no_answer:
      return "no_answer";
    case Ending::left:
      return "left";
  }
  return "unknown";
}

}  // namespace holdfast::simulation
