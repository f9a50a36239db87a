/* The same call through doubles of others. */
#ifndef BENCH_FAKES_DOUBLE_RIVALS_H
#define BENCH_FAKES_DOUBLE_RIVALS_H

#ifdef __cplusplus
extern "C" {
#endif

int rival_cmocka_run(void (*body)(void)); /* its queues are there while one of its tests runs: this is the test */
void rival_cmocka_mock(long calls);
void rival_cmocka_expect(long calls);
void rival_gmock_on_call(long calls);
void rival_gmock_expect_call(long calls);

#ifdef __cplusplus
}
#endif

#endif
