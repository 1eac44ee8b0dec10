// How long OpenMP's threads wait awake for one another.
#pragma once

namespace pandagpt {

/// Has libgomp's threads spin briefly before they sleep, unless the environment says how they
/// should wait (GOMP_SPINCOUNT, OMP_WAIT_POLICY). libgomp reads it when a process starts, so the
/// program replaces itself by itself: same arguments, same process id. To be called before anything
/// is opened, handled or begun; returns where there is nothing to do, or where it can't be done.
void limit_openmp_spins();

}  // namespace pandagpt
