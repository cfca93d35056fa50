// Counters, journal and upstreams tell the same; nothing is left; memory is bounded.
#pragma once
#include "simulation/broken.h"

namespace holdfast::simulation {

void check_meters(const Course& course, Broken& broken);
void check_left(const Course& course, Broken& broken);
void check_memory(const Course& course, Broken& broken);

}  // namespace holdfast::simulation
