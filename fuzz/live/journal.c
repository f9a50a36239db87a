#include "fuzz/live/journal.h"

#include "world/watchdog.h"

#include <string.h>

#define HEAD_BEGIN 9 /* bytes: kind, number, length */
#define HEAD_END   5

int journal_open(struct journal *j, struct world *w, const char *path, struct error *err)
{
    *j = (struct journal){.world = w, .path = path};
    return path ? world_file_open(w, path, WORLD_WRITE | WORLD_CREATE | WORLD_TRUNCATE, &j->file, err) : 0;
}

void journal_close(struct journal *j, bool remove)
{
    if (j->file) {
        world_file_close(j->file);
        if (remove)
            (void)world_remove(j->world, j->path);
    }
    text_deinit(&j->record);
    *j = (struct journal){.world = NULL};
}

static void put_number(struct text *out, uint32_t n)
{
    for (unsigned i = 0; i < 4; i++)
        text_char(out, (char)(n >> 8 * i & 0xff));
}

static uint32_t number_at(const char *data)
{
    uint32_t n = 0;
    for (unsigned i = 0; i < 4; i++)
        n |= (uint32_t)(uint8_t)data[i] << 8 * i;
    return n;
}

/* A disk that refuses costs the journal and nothing else. */
static bool append(struct journal *j)
{
    if (!text_ok(&j->record))
        return false;
    if (j->size + j->record.len > JOURNAL_MAX && world_file_truncate(j->file, 0) == 0)
        j->size = 0;
    if (world_file_pwrite(j->file, j->record.data, j->record.len, j->size) < 0)
        return false;
    j->size += j->record.len;
    return true;
}

uint32_t journal_begin(struct journal *j, const struct fuzz_case *c)
{
    if (!j->file)
        return 0;
    world_watchdog_alive();
    uint32_t number = j->last + 1;
    text_clear(&j->record);
    text_char(&j->record, 'B');
    put_number(&j->record, number);
    put_number(&j->record, 0);
    if (fuzz_case_write(c, &j->record) != 0 || !text_ok(&j->record))
        return 0;
    uint32_t len = (uint32_t)(j->record.len - HEAD_BEGIN);
    for (unsigned i = 0; i < 4; i++)
        j->record.data[5 + i] = (char)(len >> 8 * i & 0xff);
    j->last = number;
    return append(j) ? number : 0;
}

void journal_end(struct journal *j, uint32_t number)
{
    if (!j->file || number == 0)
        return;
    world_watchdog_alive();
    text_clear(&j->record);
    text_char(&j->record, 'E');
    put_number(&j->record, number);
    (void)append(j);
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

struct begun {
    uint32_t number;
    size_t at, len; /* in the file; `len` 0: it ended */
};

static void forget(struct begun *items, size_t count, uint32_t number)
{
    for (size_t i = count; i-- > 0;)
        if (items[i].number == number) {
            items[i].len = 0;
            return;
        }
}

int journal_read(struct world *w, const char *path, journal_cases *out, struct error *err)
{
    struct text file = TEXT_INIT;
    ARRAY(struct begun) begun = {0};
    int rc = world_read_file(w, path, (size_t)JOURNAL_MAX + FUZZ_CASE_BYTES_MAX, &file, err);
    for (size_t at = 0; rc == 0 && at < file.len;) {
        const char *record = file.data + at;
        size_t left = file.len - at, len = left >= HEAD_BEGIN ? number_at(record + 5) : 0;
        if (record[0] == 'E' && left >= HEAD_END) {
            forget(begun.items, begun.count, number_at(record + 1));
            at += HEAD_END;
        } else if (record[0] == 'B' && left >= HEAD_BEGIN && len <= left - HEAD_BEGIN) {
            if (!array_push(&begun, ((struct begun){number_at(record + 1), at + HEAD_BEGIN, len})))
                rc = error_set(err, ERROR_MEMORY, "out of memory");
            at += HEAD_BEGIN + len;
        } else if (record[0] == 'B' || record[0] == 'E') {
            break; /* cut */
        } else {
            rc = error_set(err, ERROR_SYNTAX, "%s: no journal of cases: byte %zu begins no record", path, at);
        }
    }
    for (size_t i = begun.count; rc == 0 && i-- > 0;) {
        struct fuzz_case c = FUZZ_CASE_INIT;
        const struct begun *b = &begun.items[i];
        if (b->len == 0)
            continue;
        rc = fuzz_case_read(BYTES(file.data + b->at, b->len), &c, err);
        if (rc == 0 && !array_push(out, c))
            rc = error_set(err, ERROR_MEMORY, "out of memory");
        if (rc != 0)
            fuzz_case_deinit(&c);
    }
    array_deinit(&begun);
    text_deinit(&file);
    return rc;
}

void journal_cases_free(journal_cases *cases)
{
    for (size_t i = 0; i < cases->count; i++)
        fuzz_case_deinit(&cases->items[i]);
    array_deinit(cases);
}
