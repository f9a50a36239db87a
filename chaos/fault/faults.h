/* All faults, in the order they are listed: FAULT(name) for `fault_name` in FAMILY/name.c; those that differ in a word
 * alone share a file (disk/errors.c, process/kill_at.c). */
#ifndef CHAOS_FAULT_FAULTS_H
#define CHAOS_FAULT_FAULTS_H

#include "chaos/fault/fault.h"

// clang-format off
#define CHAOS_FAULTS_PROCESS \
    FAULT(kill) FAULT(stop) FAULT(restart) FAULT(stutter) FAULT(crash_loop) FAULT(late_start) \
    FAULT(slow_start) FAULT(kill_all) FAULT(stop_all) FAULT(shuffled_start) FAULT(kill_dependency) \
    FAULT(kill_supervisor) FAULT(signal_storm) FAULT(freeze) FAULT(crash_at_point) \
    FAULT(kill_at_write) FAULT(kill_at_sync) FAULT(kill_at_rename) FAULT(kill_at_send)
#define CHAOS_FAULTS_MACHINE \
    FAULT(power_cut) FAULT(power_cut_all) FAULT(lost_writes) FAULT(torn_writes) FAULT(power_loss)
#define CHAOS_FAULTS_DISK \
    FAULT(disk_write_error) FAULT(disk_read_error) FAULT(disk_sync_error) FAULT(disk_nth_error) \
    FAULT(disk_full) FAULT(disk_read_only) FAULT(disk_slow_sync) FAULT(disk_slow) \
    FAULT(disk_short_write) FAULT(bit_flip)
#define CHAOS_FAULTS_CLOCK \
    FAULT(clock_forward) FAULT(clock_back) FAULT(clock_skew) FAULT(clock_strobe) FAULT(clock_freeze)
#define CHAOS_FAULTS_RESOURCE \
    FAULT(descriptor_limit) FAULT(file_size_limit) FAULT(memory_limit) FAULT(process_limit) \
    FAULT(memory_group) FAULT(memory_hog) FAULT(one_core) FAULT(cpu_hog) FAULT(cpu_quota) \
    FAULT(idle_class) FAULT(cold_cache) FAULT(temp_full)
#define CHAOS_FAULTS_NETWORK \
    FAULT(latency) FAULT(jitter) FAULT(bandwidth) FAULT(slow_reader) FAULT(slicing) FAULT(reset) \
    FAULT(half_open) FAULT(blackhole) FAULT(one_way) FAULT(deaf) FAULT(partition) \
    FAULT(isolate_pair) FAULT(halves) FAULT(ring) FAULT(bridge) FAULT(swizzle) FAULT(flapping) \
    FAULT(refuse) FAULT(accept_close) FAULT(connection_limit) FAULT(data_limit) FAULT(timeout_close) \
    FAULT(corrupt) FAULT(duplicate) FAULT(garbage)
#define CHAOS_FAULTS_PACKET \
    FAULT(packet_loss) FAULT(packet_delay) FAULT(packet_reorder) FAULT(packet_duplicate) \
    FAULT(packet_corrupt) FAULT(packet_rate) FAULT(packet_size) FAULT(packet_cut) FAULT(packet_cut_out) \
    FAULT(packet_cut_in)
#define CHAOS_FAULTS_FILTER FAULT(filter_drop) FAULT(filter_reject) FAULT(filter_limit)
#define CHAOS_FAULTS_RPC \
    FAULT(rpc_status) FAULT(rpc_replace) FAULT(rpc_reset) FAULT(rpc_goaway) FAULT(rpc_delay) \
    FAULT(rpc_stall) FAULT(rpc_twice) FAULT(rpc_silence) FAULT(rpc_delay_answer) \
    FAULT(rpc_late_answer) FAULT(rpc_lost_answer) FAULT(rpc_reorder) FAULT(rpc_no_trailers) \
    FAULT(rpc_corrupt) FAULT(rpc_truncate) FAULT(rpc_oversize)
// clang-format on

#define CHAOS_FAULTS                                                                                                   \
    CHAOS_FAULTS_PROCESS CHAOS_FAULTS_MACHINE CHAOS_FAULTS_DISK CHAOS_FAULTS_CLOCK CHAOS_FAULTS_RESOURCE               \
        CHAOS_FAULTS_NETWORK CHAOS_FAULTS_PACKET CHAOS_FAULTS_FILTER CHAOS_FAULTS_RPC

#define FAULT(name) extern const struct chaos_fault fault_##name;
CHAOS_FAULTS
#undef FAULT

#endif
