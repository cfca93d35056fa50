#include "simulation/engine.h"

namespace holdfast::simulation {

VirtualEngine::VirtualEngine(std::uint16_t port)
    : endpoint_(std::make_shared<engine::Endpoint>(port, Secret("simulated"))) {}

Task<Result<void>> VirtualEngine::wait_ready(net::Deadline /*deadline*/) {
  co_return Result<void>();
}

engine::EngineStatus VirtualEngine::status() const {
  engine::EngineStatus status;
  status.state = engine::EngineState::ready;
  status.port = endpoint_->port;
  return status;
}

}  // namespace holdfast::simulation
