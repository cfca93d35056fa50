// A local engine that is always ready, in the place of a model server that would have to be
// started.
#pragma once
#include "engine/engine.h"

namespace holdfast::simulation {

class VirtualEngine final : public engine::Engine {
 public:
  //   port   of 127.0.0.1: its name in the virtual network
  explicit VirtualEngine(std::uint16_t port);

  void start() override {}
  bool ready() const override { return true; }
  Task<Result<void>> wait_ready(net::Deadline deadline) override;
  std::shared_ptr<const engine::Endpoint> endpoint() const override { return endpoint_; }
  void note_use() override {}
  engine::EngineStatus status() const override;

 private:
  std::shared_ptr<const engine::Endpoint> endpoint_;
};

}  // namespace holdfast::simulation
