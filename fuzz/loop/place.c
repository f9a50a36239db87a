#include "fuzz/loop/place.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

/* The first byte of this program's image, by the linker. */
extern const char __executable_start[];
extern const char etext[];

static uint64_t mix(uint64_t sum, const void *data, size_t len)
{
    return hash_add(sum, BYTES(data, len));
}

/* Frames of the machinery that reports, not of what broke. */
static bool is_machinery(struct bytes function)
{
    static const char *const prefixes[] = {"__asan",         "__ubsan",      "__interceptor", "__sanitizer", "__msan",
                                           "__tsan",         "abort",        "raise",         "gsignal",     "__assert",
                                           "__pthread_kill", "pthread_kill", "__GI_"};
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
        if (function.len >= strlen(prefixes[i]) && memcmp(function.data, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

static struct bytes word_at(struct bytes text)
{
    size_t len = 0;
    while (len < text.len && text.data[len] > ' ')
        len++;
    return BYTES(text.data, len);
}

/* "    #3 0x55d0 in name place": the name. */
static struct bytes frame_function(struct bytes line)
{
    const uint8_t *in = memmem(line.data, line.len, " in ", 4);
    size_t at = 0;
    while (at < line.len && line.data[at] == ' ')
        at++;
    if (!in || at == 0 || at == line.len || line.data[at] != '#')
        return BYTES_NONE;
    return word_at(BYTES(in + 4, (size_t)(line.data + line.len - in) - 4));
}

uint64_t place_of_report(struct bytes report)
{
    static const char *const heads[] = {"Sanitizer: ", "runtime error: "};
    uint64_t sum = HASH_START;
    size_t frames = 0;
    bool begun = false;
    while (report.len > 0 && frames < PLACE_FRAMES) {
        const uint8_t *end = memchr(report.data, '\n', report.len);
        struct bytes line = BYTES(report.data, end ? (size_t)(end - report.data) : report.len);
        report.data += line.len + (end != NULL);
        report.len -= line.len + (end != NULL);
        for (size_t i = 0; !begun && i < 2; i++) {
            const uint8_t *head = memmem(line.data, line.len, heads[i], strlen(heads[i]));
            if (!head)
                continue;
            begun = true;
            if (i == 1) /* one line is all there is: its place; the words behind it hold values */
                sum = mix(sum, line.data, (size_t)(head - line.data));
            head += strlen(heads[i]);
            struct bytes kind = word_at(BYTES(head, (size_t)(line.data + line.len - head)));
            sum = mix(sum, kind.data, kind.len);
        }
        struct bytes function = begun ? frame_function(line) : BYTES_NONE;
        if (function.len && !is_machinery(function)) {
            sum = mix(sum, function.data, function.len);
            frames++;
        } else if (frames && line.len == 0) {
            break; /* the next stack is of an allocation */
        }
    }
    return begun ? sum : 0;
}

static bool is_ours(uintptr_t address)
{
    return address >= (uintptr_t)__executable_start && address < (uintptr_t)etext;
}

static uint64_t describe_frames(const struct worker_shared *s, struct text *out)
{
    uint64_t sum = HASH_START;
    size_t counted = 0;
    uint32_t count = s->fault_frames < WORKER_FRAMES ? s->fault_frames : WORKER_FRAMES;
    text_printf(out, "signal %d at address 0x%zx\n", s->fault_signal, (size_t)s->fault_address);
    for (uint32_t i = 0; i < count; i++) {
        /* A library lies anywhere: only this program's own frames make the place. */
        if (!is_ours(s->fault_stack[i])) {
            text_printf(out, "    #%u (library)\n", i);
            continue;
        }
        size_t offset = s->fault_stack[i] - (uintptr_t)__executable_start;
        text_printf(out, "    #%u program+0x%zx\n", i, offset);
        if (counted++ < PLACE_FRAMES)
            sum = mix(sum, &offset, sizeof offset);
    }
    return mix(sum, &s->fault_signal, sizeof s->fault_signal);
}

uint64_t place_describe(enum fuzz_end end, struct world_exit status, const struct worker_shared *s, struct bytes errors,
                        struct text *out)
{
    uint64_t sum = place_of_report(errors);
    text_printf(out, "%s: the worker ", fuzz_end_name(end));
    world_exit_format(status, out);
    text_char(out, '\n');
    if (end == END_CRASH && s->fault_frames)
        sum = describe_frames(s, out);
    if (end != END_CRASH)
        /* Killed by us wherever it happened to be: told apart by what was called. */
        sum = 0;
    if (sum == 0) {
        struct fuzz_case c = worker_running(s);
        sum = mix(HASH_START ^ (uint64_t)end, &status.code, sizeof status.code);
        for (size_t i = 0; i < c.events.count && i < FUZZ_CASE_EVENTS_MAX; i++) {
            struct bytes name =
                c.events.items[i].kind == EVENT_CALL ? fuzz_case_bytes(&c, c.events.items[i].name) : BYTES_NONE;
            sum = mix(sum, name.data, name.len);
        }
    }
    text_add(out, errors.data, errors.len);
    return sum;
}
