/* Bytes as a policy and as a baseline: read or refused with a place, and then a small run is judged by them. */
#include "reports/gate.h"

#include <stdlib.h>

static const char run[] = "{\"type\":\"run\",\"t\":0,\"id\":\"r\"}\n"
                          "{\"type\":\"case\",\"t\":1,\"pillar\":\"fuzz\",\"name\":\"a.B/C\",\"status\":\"failed\"}\n"
                          "{\"type\":\"finding\",\"t\":1,\"pillar\":\"fuzz\",\"title\":\"x\",\"severity\":\"bug\"}\n"
                          "{\"type\":\"sample\",\"t\":1,\"series\":\"latency_ms\",\"value\":2}\n"
                          "{\"type\":\"recovery\",\"t\":1,\"target\":\"store\",\"fault\":\"kill\",\"duration\":5}\n"
                          "{\"type\":\"end\",\"t\":2,\"exit\":1}\n";

static struct report *read_run(void)
{
    struct report *r = NULL;
    if (report_new("run", &r, NULL) != 0)
        return NULL;
    for (const char *at = run; *at != 0;) {
        size_t len = strcspn(at, "\n");
        if (report_add_line(r, BYTES(at, len), NULL) != 0)
            abort();
        at += len + 1;
    }
    return r;
}

static struct document *parse(const uint8_t *data, size_t size)
{
    struct document *d = NULL;
    struct error err = ERROR_INIT;
    if (document_parse_yaml(BYTES(data, size), "fuzzed", &d, &err) != 0 && err.code == 0)
        abort();
    error_clear(&err);
    return d;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gate_policy policy = {0};
    struct baseline baseline = {0};
    struct error err = ERROR_INIT;
    struct gate gate;
    struct text out = TEXT_INIT;
    struct document *d = parse(data, size);
    if (d != NULL && baseline_read(d, &baseline, &err) != 0 && err.line == 0)
        abort(); /* every complaint has its place */
    d = parse(data, size);
    if (d != NULL && gate_policy_read(d, &policy, &err) != 0 && err.line == 0)
        abort();
    error_clear(&err);
    struct report *r = policy.document != NULL ? read_run() : NULL;
    const struct gate_input input = {&policy, r, r, &baseline, "2026-11-22", 1};
    if (r != NULL && gate_judge(&input, &gate, NULL) == 0) {
        gate_text(&gate, &out);
        gate_json(&gate, &out);
        if (!text_ok(&out))
            abort();
        gate_deinit(&gate);
    }
    text_deinit(&out);
    report_free(r);
    gate_policy_deinit(&policy);
    baseline_deinit(&baseline);
    return 0;
}
