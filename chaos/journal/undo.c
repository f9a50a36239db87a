#include "chaos/journal/undo.h"

#include "base/units.h"
#include "world/command.h"
#include "world/false_clock.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GONE_WITHIN ((uint64_t)(2 * SECOND))
#define LOOK_EVERY  ((uint64_t)MILLISECOND)
#define CPU_WORDS   (MACHINE_CPUS_MAX / 64)

static const char *const names[UNDO_KIND_COUNT] = {
    [UNDO_CONTINUE] = "continue",   [UNDO_KILL] = "kill",         [UNDO_LIMIT] = "limit",
    [UNDO_CLOCK] = "clock",         [UNDO_SCHEDULE] = "schedule", [UNDO_REMOVE] = "remove",
    [UNDO_UNMOUNT] = "unmount",     [UNDO_CGROUP] = "cgroup",     [UNDO_NFT_TABLE] = "nft-table",
    [UNDO_NAMESPACE] = "namespace",
};
static const char *const limit_names[MACHINE_LIMIT_COUNT] = {"open-files", "file-size", "address-space", "processes"};

const char *undo_kind_name(enum undo_kind kind)
{
    return (unsigned)kind < UNDO_KIND_COUNT ? names[kind] : "unknown";
}

/* ---- what is allowed ---- */

static bool ours(const char *path)
{
    const char *name = strrchr(path, '/');
    name = name != NULL ? name + 1 : path;
    return strncmp(name, UNDO_PREFIX, strlen(UNDO_PREFIX)) == 0 && name[strlen(UNDO_PREFIX)] != '\0';
}

static bool absolute(const char *path)
{
    return path[0] == '/' && strstr(path, "/../") == NULL && strstr(path, "//") == NULL;
}

/* A name for a command: nothing that could be an option or a path. */
static bool plain(const char *name)
{
    return name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")] == '\0';
}

int undo_check(const struct undo *s, struct error *err)
{
    const char *path = s->path != NULL ? s->path : "";
    bool ok = false;
    switch (s->kind) {
    case UNDO_CONTINUE:
    case UNDO_KILL:
    case UNDO_CLOCK:
    case UNDO_SCHEDULE:
        ok = s->process.id > 1 && s->process.started > 0;
        break;
    case UNDO_LIMIT:
        ok = s->process.id > 1 && s->process.started > 0 && (unsigned)s->limit < MACHINE_LIMIT_COUNT;
        break;
    case UNDO_REMOVE:
        ok = absolute(path) && ours(path);
        break;
    case UNDO_UNMOUNT:
        ok = absolute(path) && s->other != NULL && ours(s->other);
        break;
    case UNDO_CGROUP:
        ok = absolute(path) && ours(path) && s->other != NULL && absolute(s->other);
        break;
    case UNDO_NFT_TABLE:
        ok = ours(path) && plain(path);
        break;
    case UNDO_NAMESPACE:
        ok = ours(path) && plain(path) && s->other != NULL && s->other[0] != '\0';
        break;
    case UNDO_KIND_COUNT:
        break;
    }
    return ok ? 0
              : error_set(err, ERROR_INVALID, "the step \"%s\" names what harrow does not touch",
                          undo_kind_name(s->kind));
}

/* ---- carrying out ---- */

static int kill_process(struct world *w, const struct world_foreign *p)
{
    int code = world_foreign_signal(w, p, SIGKILL);
    for (uint64_t end = world_now(w) + GONE_WITHIN; code == 0 && world_now(w) < end && world_foreign_state(w, p) != 0;)
        if ((code = world_sleep(w, LOOK_EVERY)) == ERROR_CANCELLED)
            code = 0; /* healing goes on when the user wants to stop */
    return code;
}

static int remove_table(struct world *w, const char *name, struct error *err)
{
    const char *const argv[] = {"nft", "delete", "table", "inet", name, NULL};
    struct error own = ERROR_INIT;
    int code = world_command_run(w, &(struct world_command){.argv = argv}, NULL, &own);
    if (code == ERROR_NOT_FOUND) /* of the program: the table may be there */
        code = error_set(err, ERROR_UNSUPPORTED, "nft is not installed");
    else if (code != 0 && strstr(own.message, strerror(ENOENT)) != NULL)
        code = 0;
    else if (code != 0)
        error_move(err, &own);
    error_clear(&own);
    return code;
}

static int remove_path(struct world *w, const char *path)
{
    struct world_stat stat;
    int code = world_stat(w, path, &stat);
    if (code != 0 || (!stat.exists && !stat.link))
        return code;
    return stat.directory && !stat.link ? world_remove_tree(w, path) : world_remove(w, path);
}

int undo_apply(struct world *w, const struct undo *s, struct error *err)
{
    int code = undo_check(s, err);
    if (code != 0)
        return code;
    struct error own = ERROR_INIT;
    switch (s->kind) {
    case UNDO_CONTINUE:
        code = world_foreign_signal(w, &s->process, SIGCONT);
        break;
    case UNDO_KILL:
        code = kill_process(w, &s->process);
        break;
    case UNDO_LIMIT:
        code = machine_limit(w, &s->process, s->limit, &s->bounds, NULL, &own);
        break;
    case UNDO_CLOCK:
        code = false_clock_remove(w, &s->process, &own);
        break;
    case UNDO_SCHEDULE:
        code = machine_schedule_set(w, &s->process, &s->schedule, &own);
        break;
    case UNDO_REMOVE:
        code = remove_path(w, s->path);
        break;
    case UNDO_UNMOUNT:
        code = machine_unmount(w, s->path, s->other, &own);
        break;
    case UNDO_CGROUP:
        code = machine_cgroup_remove(w, s->path, s->other, &own);
        break;
    case UNDO_NFT_TABLE:
        code = remove_table(w, s->path, &own);
        break;
    case UNDO_NAMESPACE:
        code = error_set(&own, ERROR_UNSUPPORTED, "the next run on its system takes it away");
        break;
    case UNDO_KIND_COUNT:
        break;
    }
    if (code == ERROR_NOT_FOUND) {
        error_clear(&own);
        return 0; /* it went by itself, and what was done to it with it */
    }
    if (code != 0 && own.code == 0)
        error_set(&own, code, "%s: %s", undo_kind_name(s->kind), error_code_name(code));
    if (code != 0)
        error_move(err, &own);
    error_clear(&own);
    return code;
}

/* ---- as text ---- */

void undo_describe(const struct undo *s, struct text *out)
{
    long long id = (long long)s->process.id;
    switch (s->kind) {
    case UNDO_CONTINUE:
        text_printf(out, "process %lld goes on", id);
        break;
    case UNDO_KILL:
        text_printf(out, "process %lld is ended", id);
        break;
    case UNDO_LIMIT:
        text_printf(out, "process %lld has its limit of %s again", id,
                    (unsigned)s->limit < MACHINE_LIMIT_COUNT ? limit_names[s->limit] : "nothing known");
        break;
    case UNDO_CLOCK:
        text_printf(out, "process %lld has the right clock again", id);
        break;
    case UNDO_SCHEDULE:
        text_printf(out, "process %lld is scheduled as before", id);
        break;
    case UNDO_REMOVE:
        text_printf(out, "%s is removed", s->path);
        break;
    case UNDO_UNMOUNT:
        text_printf(out, "%s is unmounted", s->path);
        break;
    case UNDO_CGROUP:
        text_printf(out, "the control group %s is removed", s->path);
        break;
    case UNDO_NFT_TABLE:
        text_printf(out, "the nftables table %s is removed", s->path);
        break;
    case UNDO_NAMESPACE:
        text_printf(out, "the namespace %s is taken away", s->path);
        break;
    case UNDO_KIND_COUNT:
        break;
    }
}

/* One word: what would end it, and "%", as %XX. */
static void write_word(struct text *out, const char *word)
{
    text_char(out, ' ');
    for (const char *c = word; *c != '\0'; c++)
        if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f || *c == '%')
            text_printf(out, "%%%02X", (unsigned char)*c);
        else
            text_char(out, *c);
}

static bool has_other(enum undo_kind kind)
{
    return kind == UNDO_UNMOUNT || kind == UNDO_CGROUP || kind == UNDO_NAMESPACE;
}

void undo_write(const struct undo *s, struct text *out)
{
    text_puts(out, undo_kind_name(s->kind));
    if (s->kind <= UNDO_SCHEDULE)
        text_printf(out, " %" PRId64 " %" PRIu64, s->process.id, s->process.started);
    if (s->kind == UNDO_LIMIT)
        text_printf(out, " %s %" PRIu64 " %" PRIu64, limit_names[s->limit], s->bounds.soft, s->bounds.hard);
    if (s->kind == UNDO_SCHEDULE) {
        text_printf(out, " %d %d", s->schedule.idle ? 1 : 0, s->schedule.nice);
        size_t last = CPU_WORDS;
        while (last > 1 && s->schedule.cpus.words[last - 1] == 0)
            last--;
        for (size_t i = 0; i < last; i++)
            text_printf(out, " %" PRIx64, s->schedule.cpus.words[i]);
    }
    if (s->kind > UNDO_SCHEDULE)
        write_word(out, s->path);
    if (has_other(s->kind))
        write_word(out, s->other);
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool decode(char *word)
{
    char *to = word;
    for (const char *c = word; *c != '\0'; c++) {
        if (*c != '%') {
            *to++ = *c;
            continue;
        }
        int high = digit(c[1]), low = high >= 0 ? digit(c[2]) : -1;
        if (low < 0 || high + low == 0)
            return false;
        *to++ = (char)(high << 4 | low);
        c += 2;
    }
    *to = '\0';
    return true;
}

/* The next word as a number; *ok becomes false when it is none. */
static uint64_t number(char **save, int base, bool *ok)
{
    char *word = strtok_r(NULL, " ", save), *end = NULL;
    if (word == NULL || *word == '-' || *word == '+') {
        *ok = false;
        return 0;
    }
    uint64_t value = strtoull(word, &end, base);
    *ok = *ok && *end == '\0';
    return value;
}

static const char *word(char **save, bool *ok)
{
    char *w = strtok_r(NULL, " ", save);
    *ok = *ok && w != NULL && decode(w);
    return w;
}

static int read_limit(const char *name)
{
    for (int i = 0; name != NULL && i < MACHINE_LIMIT_COUNT; i++)
        if (strcmp(limit_names[i], name) == 0)
            return i;
    return -1;
}

static void read_schedule(char **save, struct undo *out, bool *ok)
{
    out->schedule.idle = number(save, 10, ok) != 0;
    char *nice = strtok_r(NULL, " ", save), *end = NULL;
    out->schedule.nice = nice != NULL ? (int)strtol(nice, &end, 10) : 0;
    *ok = *ok && nice != NULL && *end == '\0';
    size_t i = 0;
    for (char *w; (w = strtok_r(NULL, " ", save)) != NULL; i++) {
        if (i == CPU_WORDS) {
            *ok = false;
            return;
        }
        out->schedule.cpus.words[i] = strtoull(w, &end, 16);
        *ok = *ok && *end == '\0';
    }
    *ok = *ok && i > 0;
}

int undo_read(char *line, struct undo *out, struct error *err)
{
    char *save = NULL, *name = strtok_r(line, " ", &save);
    *out = (struct undo){.kind = UNDO_KIND_COUNT};
    for (int i = 0; name != NULL && i < UNDO_KIND_COUNT; i++)
        if (strcmp(names[i], name) == 0)
            out->kind = (enum undo_kind)i;
    if (out->kind == UNDO_KIND_COUNT)
        return error_set(err, ERROR_SYNTAX, "\"%s\" is no step that is known", name != NULL ? name : "");
    bool ok = true;
    if (out->kind <= UNDO_SCHEDULE) {
        out->process.id = (int64_t)number(&save, 10, &ok);
        out->process.started = number(&save, 10, &ok);
    }
    if (out->kind == UNDO_LIMIT) {
        int limit = read_limit(strtok_r(NULL, " ", &save));
        ok = ok && limit >= 0;
        out->limit = limit >= 0 ? (enum machine_limit)limit : MACHINE_OPEN_FILES;
        out->bounds.soft = number(&save, 10, &ok);
        out->bounds.hard = number(&save, 10, &ok);
    }
    if (out->kind == UNDO_SCHEDULE)
        read_schedule(&save, out, &ok);
    if (out->kind > UNDO_SCHEDULE)
        out->path = word(&save, &ok);
    if (has_other(out->kind))
        out->other = word(&save, &ok);
    if (!ok || strtok_r(NULL, " ", &save) != NULL)
        return error_set(err, ERROR_SYNTAX, "the step \"%s\" is not as it should be", names[out->kind]);
    return undo_check(out, err);
}
