/* Every operator: its bytes are as named, and our own server answers inside its contract. */
#include "base/test.h"

#include "base/heap.h"
#include "fuzz/frames/build.h"
#include "fuzz/frames/memory.h"
#include "fuzz/frames/oracle.h"
#include "fuzz/frames/target.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const struct frames_plan plan = {
    .path = FRAMES_ECHO_PATH, .hold_path = FRAMES_HOLD_PATH, .message = {(const uint8_t *)"hello", 5}};

static uint64_t memory_now(void *arg)
{
    (void)arg;
    return heap_in_use();
}

static uint64_t cpu_now(void *arg)
{
    struct timespec t;
    (void)arg;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

static struct text all_bytes(const struct fuzz_case *c)
{
    struct text out = TEXT_INIT;
    struct frames_writer w = FRAMES_WRITER_INIT;
    frames_writer_start(&w);
    for (size_t i = 0; i < c->events.count; i++)
        assert_int_equal(frames_write(&w, c, &c->events.items[i], &out), 0);
    frames_writer_deinit(&w);
    return out;
}

static void table_is_sound(void **state)
{
    (void)state;
    assert_true(frame_operator_count >= 100);
    for (size_t i = 0; i < frame_operator_count; i++) {
        const struct frame_operator *op = &frame_operators[i];
        assert_ptr_equal(frame_operator_find(bytes_of(op->name)), op); /* so names are unique */
        assert_true(strlen(op->summary) > 3 && strlen(op->rule) > 0);
        assert_true(op->answers != 0);
        assert_true((op->payload != NULL) + (op->fields != NULL) + (op->build != NULL) == 1);
        if (op->answers == ANSWER_CONNECTION || op->answers == ANSWER_STREAM)
            assert_true(op->codes != 0);
        assert_true(strcmp(op->name, FRAMES_PROBE) != 0);
    }
    assert_null(frame_operator_find(bytes_of("none")));
}

/* Behind the greeting stands exactly the frame the table names. */
static void one_frame_is_as_named(void **state)
{
    (void)state;
    struct fuzz_case c = FUZZ_CASE_INIT;
    size_t seen = 0;
    for (size_t i = 0; i < frame_operator_count; i++) {
        const struct frame_operator *op = &frame_operators[i];
        if (!op->payload)
            continue;
        assert_int_equal(frame_operator_build(op, &plan, &c), 0);
        struct text all = all_bytes(&c);
        assert_memory_equal(all.data, FRAME_PREFACE, FRAME_PREFACE_LEN);
        struct bytes left = BYTES(all.data + FRAME_PREFACE_LEN, all.len - FRAME_PREFACE_LEN);
        struct frame f;
        size_t found = 0, number = 0;
        while (frame_take(&left, &f)) {
            if (number++ == 0)
                assert_int_equal(f.type, FRAME_SETTINGS);
            found += f.type == op->type && f.flags == op->flags && f.stream == (op->stream & ~FRAME_RESERVED) &&
                     f.reserved == (op->stream >> 31) && bytes_equal(f.payload, BYTES(op->payload, op->payload_len));
        }
        assert_int_equal(left.len, 0);
        if (found != 1)
            fail_msg("%s: %zu frames like it", op->name, found);
        text_deinit(&all);
        seen++;
    }
    assert_true(seen >= 35);
    fuzz_case_deinit(&c);
}

static void contains(const char *operator, const void * bytes, size_t len)
{
    struct fuzz_case c = FUZZ_CASE_INIT;
    const struct frame_operator *op = frame_operator_find(bytes_of(operator));
    assert_non_null(op);
    assert_int_equal(frame_operator_build(op, &plan, &c), 0);
    struct text all = all_bytes(&c);
    if (!memmem(all.data, all.len, bytes, len))
        fail_msg("%s: the bytes are not there", operator);
    text_deinit(&all);
    fuzz_case_deinit(&c);
}

#define CONTAINS(operator, bytes) contains(operator, bytes, sizeof(bytes) - 1)

/* Of those that are built: what makes them what they are. */
static void built_ones_are_as_named(void **state)
{
    (void)state;
    CONTAINS("preface-wrong", "PRI * HTTP/2.1\r\n\r\nSM\r\n\r\n");
    CONTAINS("preface-twice", "\0\0\0\4\1\0\0\0\0PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    CONTAINS("http1-upgrade", "Upgrade: h2c\r\n");
    CONTAINS("tls-hello", "\x16\x03\x01\x00\x31\x01");
    CONTAINS("settings-missing", "SM\r\n\r\n\0\0\x3f\1\4\0\0\0\1");
    CONTAINS("settings-ack-unasked", "\0\0\0\4\1\0\0\0\0\0\0\0\4\1\0\0\0\0");
    CONTAINS("settings-flood", "\0\0\0\4\0\0\0\0\0\0\0\0\4\0\0\0\0\0\0\0\0\4\0\0\0\0\0");
    CONTAINS("settings-window-flips", "\0\4\0\0\xff\xff\0\0\6\4\0\0\0\0\0\0\4\0\1\0\0");
    CONTAINS("settings-table-flips", "\0\1\0\0\x10\0\0\0\6\4\0\0\0\0\0\0\1\0\0\0\0");
    CONTAINS("settings-window-lowered", "\0\0\6\4\0\0\0\0\0\0\4\0\0\0\0");
    CONTAINS("ping-flood", "\0\0\x08\6\0\0\0\0\0\0\0\0\1\xff\xff\xff\xfe");
    CONTAINS("frame-too-long", "\0\x40\1\0\0\0\0\0\1\0");
    CONTAINS("frame-cut", "\0\0\x08\6\0\0\0\0\0half");
    CONTAINS("frame-unknown-flood", "\0\0\0\xb1\1\0\0\0\1");
    CONTAINS("goaway-then-call", "\0\0\x08\7\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x3f\1");
    CONTAINS("hpack-index-zero", "\x80\0\0\x0a\0\1\0\0\0\1");
    CONTAINS("hpack-huffman-eos", "\x84\xff\xff\xff\xff");
    CONTAINS("hpack-resize-over", "\x3f\xe1\xff\x3f");
    CONTAINS("hpack-bomb", "\xbe\xbe\xbe\xbe\xbe\xbe\xbe\xbe");
    CONTAINS("hpack-resize-flood", "\x20\x3f\xe1\x1f\x20\x3f\xe1\x1f");
    CONTAINS("continuation-interrupted", "\0\0\x08\6\0\0\0\0\0"
                                         "12345678\0\0");
    CONTAINS("continuation-empty-run", "\0\0\0\x09\0\0\0\0\1\0\0\0\x09\0\0\0\0\1");
    CONTAINS("continuation-endless", "\x09\0\0\0\0\1\0\6x-more");
    CONTAINS("window-overflow-connection", "\0\0\4\x08\0\0\0\0\0\x7f\xff\xff\xff");
    CONTAINS("window-overflow-stream", "\0\0\4\x08\0\0\0\0\1\x7f\xff\xff\xff");
    CONTAINS("window-flood", "\0\0\4\x08\0\0\0\0\1\0\0\0\1\0\0\4\x08\0\0\0\0\0\0\0\0\1");
    CONTAINS("made-you-reset", "\0\0\4\x08\0\0\0\0\5\x7f\xff\xff\xff");
    CONTAINS("rst-storm", "\0\0\4\3\0\0\0\0\5\0\0\0\x08");
    CONTAINS("rst-twice", "\0\0\4\3\0\0\0\0\1\0\0\0\x08\0\0\4\3\0\0\0\0\1\0\0\0\x08");
    CONTAINS("data-over-window", "\0\x40\0\0\0\0\0\0\1\0\0\0\x3f\xfb\0");
    CONTAINS("data-empty-flood", "\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\1");
    CONTAINS("data-padding-flood", "\0\1\0\0\x08\0\0\0\1\xff\0");
    CONTAINS("headers-even-stream", "\1\4\0\0\0\2");
    CONTAINS("headers-decreasing", "\1\4\0\0\0\3");
    CONTAINS("headers-stream-zero", "\1\5\0\0\0\0");
    CONTAINS("headers-self-dependency", "\1\x24\0\0\0\1\0\0\0\1\x0f");
    CONTAINS("priority-flood", "\0\0\5\2\0\0\0\3\xeb\0\0\3\xe9\x0f");
    CONTAINS("stream-id-last", "\1\4\x7f\xff\xff\xff");
    CONTAINS("length-lie-more", "13\0\0\x0a\0\1\0\0\0\1\0\0\0\0\5hello");
    CONTAINS("length-lie-less", "\1"
                                "7\0\0\x0a\0\1\0\0\0\1\0\0\0\0\5hello");
    CONTAINS("message-flag", "\0\0\5\0\1\0\0\0\1\2\0\0\0\0");
    CONTAINS("message-length-lie", "\0\0\5\0\0\0\0\0\1\0\xff\xff\xff\xff");
    CONTAINS("message-prefix-hold", "\0\0\6\0\0\0\0\0\1\0\0\x40\0\0x");
}

/* A second look at those that ask for header lines: the block says what the table says. */
static void fields_are_as_named(void **state)
{
    (void)state;
    CONTAINS("name-uppercase", "\7X-Upper\1"
                               "1");
    CONTAINS("name-empty", "\0\0\1"
                           "1");
    CONTAINS("value-newline", "\0\1x\3a\nb");
    CONTAINS("value-nul", "\0\1x\3a\0b");
    CONTAINS("value-blank-first", "\7x-blank\2 1");
    CONTAINS("pseudo-unknown", "\7:harrow\1"
                               "1");
    CONTAINS("connection-field", "\x0a"
                                 "connection\5close");
    CONTAINS("te-gzip", "\2te\4gzip");
    CONTAINS("path-empty", "\x44\0");
    CONTAINS("path-unknown", "\x0f/no.Such/Method");
    CONTAINS("timeout-malformed", "\x0cgrpc-timeout\3"
                                  "10x");
}

static void our_server_keeps_to_it(void **state)
{
    (void)state;
    const struct frames_memory_options options = {.meter = {.memory = memory_now, .cpu = cpu_now}};
    /* CPU is not judged here: sanitizers and a busy machine would. */
    const struct frames_allowance allow = {.cpu_scale = 100000};
    struct frames_memory *m = NULL;
    struct fuzz_case c = FUZZ_CASE_INIT;
    assert_int_equal(frames_memory_new(&options, &m), 0);
    for (size_t i = 0; i < frame_operator_count; i++) {
        const struct frame_operator *op = &frame_operators[i];
        struct frames_verdict v;
        assert_int_equal(frame_operator_build(op, &plan, &c), 0);
        assert_int_equal(frames_memory_run(m, &c), 0);
        const struct exchange *x = frames_memory_exchange(m);
        frames_judge(&c, x, frames_memory_cost(m), &allow, &v);
        assert_ptr_equal(v.op, op);
        assert_false(frames_hung(x));
        if (v.finding == FRAMES_NOTHING)
            continue;
        struct text out = TEXT_INIT;
        frames_verdict_print(&v, x, &out);
        text_char(&out, '\n');
        exchange_print(x, &out);
        print_error("%s\n", text_string(&out));
        text_deinit(&out);
        fail();
    }
    fuzz_case_deinit(&c);
    frames_memory_free(m);
}

/* Operators that leave it open to the peer what it does, pinned down for ours. */
static void our_server_in_particular(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned answer;
        uint32_t code;
    } table[] = {
        {"settings-flood", ANSWER_FINE, UINT32_MAX},
        {"data-over-window", ANSWER_STREAM, H2_FLOW_CONTROL_ERROR},
        {"continuation-pieces", ANSWER_FINE, UINT32_MAX},
        {"hpack-every-form", ANSWER_FINE, UINT32_MAX},
        {"trailers-fine", ANSWER_FINE, UINT32_MAX},
        {"continuation-endless", ANSWER_CONNECTION, H2_ENHANCE_YOUR_CALM},
        {"hpack-bomb", ANSWER_STREAM, H2_ENHANCE_YOUR_CALM},
        {"content-type-missing", ANSWER_REFUSAL, UINT32_MAX},
        {"stream-id-last", ANSWER_FINE, UINT32_MAX},
        {"data-closed", ANSWER_CONNECTION, H2_STREAM_CLOSED},
        {"headers-decreasing", ANSWER_CONNECTION, H2_PROTOCOL_ERROR},
        {"stream-ids-used-up", ANSWER_CONNECTION, H2_PROTOCOL_ERROR},
    };
    struct frames_memory *m = NULL;
    struct fuzz_case c = FUZZ_CASE_INIT;
    assert_int_equal(frames_memory_new(NULL, &m), 0);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct frames_verdict v;
        const struct frames_allowance allow = {.cpu_scale = 100000};
        assert_int_equal(frame_operator_build(frame_operator_find(bytes_of(table[i].name)), &plan, &c), 0);
        assert_int_equal(frames_memory_run(m, &c), 0);
        frames_judge(&c, frames_memory_exchange(m), frames_memory_cost(m), &allow, &v);
        if (v.answer != table[i].answer || v.code != table[i].code)
            fail_msg("%s: answer %u, code %lu", table[i].name, v.answer, (unsigned long)v.code);
    }
    fuzz_case_deinit(&c);
    frames_memory_free(m);
}

/* A storm above what the server allows at once ends the connection. */
static void storms_end(void **state)
{
    (void)state;
    struct frames_memory *m = NULL;
    struct fuzz_case c = FUZZ_CASE_INIT;
    struct frames_plan more = plan;
    more.repeat = 3000;
    static const char *const storms[] = {"rst-storm", "made-you-reset"};
    assert_int_equal(frames_memory_new(NULL, &m), 0);
    for (size_t i = 0; i < sizeof storms / sizeof storms[0]; i++) {
        assert_int_equal(frame_operator_build(frame_operator_find(bytes_of(storms[i])), &more, &c), 0);
        assert_int_equal(frames_memory_run(m, &c), 0);
        assert_true(frames_memory_exchange(m)->goaway);
        assert_int_equal(frames_memory_exchange(m)->goaway_code, H2_ENHANCE_YOUR_CALM);
        assert_true(frames_memory_exchange(m)->closed);
    }
    fuzz_case_deinit(&c);
    frames_memory_free(m);
}

static void seeds_and_files(void **state)
{
    (void)state;
    struct fuzz_case c = FUZZ_CASE_INIT, back = FUZZ_CASE_INIT;
    struct text file = TEXT_INIT;
    size_t n = 0;
    for (; frames_seed(n, &c) == 0; n++) {
        text_clear(&file);
        assert_int_equal(fuzz_case_write(&c, &file), 0);
        assert_int_equal(fuzz_case_read(text_bytes(&file), &back, NULL), 0);
        assert_true(fuzz_case_equal(&c, &back));
        /* However short its floods are, every seed is still the operator it is called by. */
        struct frames_verdict v;
        frames_recognise(&c, &v);
        assert_ptr_equal(v.op, n == 0 ? NULL : &frame_operators[n - 1]);
    }
    assert_int_equal(n, frame_operator_count + 1);
    assert_int_equal(frames_seed(n, &c), ERROR_NOT_FOUND);
    text_deinit(&file);
    fuzz_case_deinit(&c);
    fuzz_case_deinit(&back);
}

/* The table in the documentation is this table. */
static void documented(void **state)
{
    (void)state;
    FILE *f = fopen("docs/fuzzing-frames.md", "r");
    struct text page = TEXT_INIT, row = TEXT_INIT;
    char buffer[4096];
    assert_non_null(f);
    for (size_t n; (n = fread(buffer, 1, sizeof buffer, f)) > 0;)
        text_add(&page, buffer, n);
    fclose(f);
    for (size_t i = 0; i < frame_operator_count; i++) {
        const struct frame_operator *op = &frame_operators[i];
        text_clear(&row);
        text_printf(&row, "| `%s` | %s | %s | ", op->name, op->rule, op->summary);
        frames_answers_print(op, &row);
        text_puts(&row, " |");
        if (!strstr(text_string(&page), text_string(&row)))
            fail_msg("docs/fuzzing-frames.md lacks: %s", text_string(&row));
    }
    text_deinit(&page);
    text_deinit(&row);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_is_sound),
        cmocka_unit_test(one_frame_is_as_named),
        cmocka_unit_test(built_ones_are_as_named),
        cmocka_unit_test(fields_are_as_named),
        cmocka_unit_test(our_server_keeps_to_it),
        cmocka_unit_test(our_server_in_particular),
        cmocka_unit_test(storms_end),
        cmocka_unit_test(seeds_and_files),
        cmocka_unit_test(documented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
