/* All faults, in the order they are listed: FAULT(name) for `fault_name` in FAMILY/name.c. */
#ifndef CHAOS_FAULT_FAULTS_H
#define CHAOS_FAULT_FAULTS_H

#include "chaos/fault/fault.h"

#define CHAOS_FAULTS_PROCESS FAULT(kill) FAULT(stop) FAULT(restart)
#define CHAOS_FAULTS_MACHINE FAULT(power_cut)
#define CHAOS_FAULTS_NETWORK FAULT(partition)

#define CHAOS_FAULTS CHAOS_FAULTS_PROCESS CHAOS_FAULTS_MACHINE CHAOS_FAULTS_NETWORK

#define FAULT(name) extern const struct chaos_fault fault_##name;
CHAOS_FAULTS
#undef FAULT

#endif
