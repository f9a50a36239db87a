/* Bytes as a result file, through every renderer and the live progress. */
#include "reports/report.h"

#include <stdlib.h>

static int read_all(struct report *r, const uint8_t *data, size_t size)
{
    int rc = 0;
    for (size_t at = 0; rc == 0 && at < size;) {
        const uint8_t *end = memchr(data + at, '\n', size - at);
        size_t len = end == NULL ? size - at : (size_t)(end - (data + at));
        struct bytes line = BYTES(data + at, len);
        rc = end == NULL ? report_add_last(r, line, NULL) : report_add_line(r, line, NULL);
        at += len + 1;
    }
    return rc;
}

/* Merged with a second reading of the same: cases are tried again, none appears or vanishes. Takes `r`. */
static struct report *with_itself(struct report *r, const uint8_t *data, size_t size)
{
    struct report *parts[2] = {r, NULL}, *merged = NULL;
    size_t cases = r->cases.count, failed = r->counts[REPORT_FAILED];
    if (report_new("again", &parts[1], NULL) != 0)
        return r;
    (void)read_all(parts[1], data, size);
    if (report_merge(parts, 2, &merged, NULL) != 0)
        return NULL;
    if (merged->cases.count != cases || merged->counts[REPORT_FAILED] != failed)
        abort();
    return merged;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct report *r = NULL;
    struct report_live *live = NULL;
    struct text out = TEXT_INIT;
    if (report_new("stream", &r, NULL) != 0)
        return 0;
    if (report_live_new(size % 2 == 0, size % 3 == 0, (int)(size % 120), &live) != 0)
        goto out;
    int rc = 0;
    for (size_t at = 0; rc == 0 && at < size;) {
        const uint8_t *end = memchr(data + at, '\n', size - at);
        size_t len = end == NULL ? size - at : (size_t)(end - (data + at));
        struct bytes line = BYTES(data + at, len);
        report_live_line(live, line, &out);
        rc = end == NULL ? report_add_last(r, line, NULL) : report_add_line(r, line, NULL);
        at += len + 1;
    }
    report_live_end(live, &out);
    for (size_t i = 0; i < out.len; i++) /* no control character but newline, and our own way to rewrite a line */
        if ((unsigned char)out.data[i] < 0x20 && strchr("\n\r\x1b", out.data[i]) == NULL)
            abort();
    text_clear(&out);
    report_terminal(r, &out, false, 80);
    for (size_t i = 0; i < out.len; i++)
        if ((unsigned char)out.data[i] < 0x20 && out.data[i] != '\n')
            abort();
    for (const struct report_format *f = report_formats; f->name != NULL; f++) {
        text_clear(&out);
        f->render(r, &out);
        if (!text_ok(&out))
            abort();
    }
    r = with_itself(r, data, size);
    if (r != NULL && report_verdict(r) == REPORT_VERDICT_PASSED && r->counts[REPORT_FAILED] != 0)
        abort();

out:
    text_deinit(&out);
    report_live_free(live);
    report_free(r);
    return 0;
}
