#include "world/saved.h"

#include "base/sanitized.h"

#if defined(SANITIZED) || defined(SAVED_NONE)

bool saved_possible(void)
{
    return false;
}
void saved_enter(void)
{
}
void saved_leave(void)
{
}
void saved_except(const void *start, const void *end)
{
    (void)start;
    (void)end;
}
int saved_take(unsigned level)
{
    (void)level;
    return ERROR_UNSUPPORTED;
}
void saved_back(unsigned level)
{
    (void)level;
}
void saved_end(void)
{
}
bool saved_has(unsigned level)
{
    (void)level;
    return false;
}
void saved_fail(uint64_t n)
{
    (void)n;
}
size_t saved_in_use(void)
{
    return 0;
}
size_t saved_pages(void)
{
    return 0;
}

#else

#include <errno.h>
#include <link.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define ZONE_ADDRESS ((uintptr_t)0x200000000000) /* far from where the kernel puts anything by itself */
#define PAGE         ((size_t)4096)
#define RANGES_MAX   128
#define EXCEPT_MAX   16
#define SAVED_ALL    (SAVED_ZONE / PAGE) /* pages of all that is saved */
#define SMALL_STEP   16
#define KEYS         32   /* of values kept for the thread: as many as stand in the thread itself */
#define WATCH_AGAIN  64   /* goings back after which pages that are no longer written to are forgotten, */
#define WATCH_PAGES  256  /* when there are more than so many */
#define SMALL_MAX    1024 /* sizes up to here in steps of 16, then four classes to each doubling */
#define CLASSES      (SMALL_MAX / SMALL_STEP + 4 * 20)

/* In front of each allocation; its memory is aligned to 16 bytes. */
struct head {
    uint64_t size;          /* of the class */
    uint32_t class, offset; /* offset: of what was asked for with more alignment, from the block's beginning */
};

struct block {
    struct block *next;
};

/* The allocator's own state stands at the zone's beginning and goes back with it. */
struct zone {
    uint8_t *bump;
    size_t in_use;
    uint64_t fail;
    struct block *free[CLASSES];
};

struct range {
    uintptr_t start, end; /* whole pages */
    size_t first;         /* number of its first page */
};

/* What shares a page with the stack for signals: kept without being watched. */
struct edge {
    uintptr_t at;
    size_t len;
    uint8_t copy[SAVED_LEVELS][PAGE];
};

/* Ours, in a mapping of its own: never saved. */
struct saved {
    struct edge edges[2];
    struct range ranges[RANGES_MAX], except[EXCEPT_MAX];
    size_t range_count, except_count, page_all;
    uintptr_t pages[SAVED_PAGES];  /* that were written to, in that order */
    size_t page_count, page_at;    /* page_at: when level 1 was taken */
    uint8_t *copies[SAVED_LEVELS]; /* of those pages */
    uintptr_t fresh;               /* where the zone ended at level 0: nothing behind it is kept */
    size_t fresh_kept;             /* bytes of it that level 1 keeps */
    uint8_t *fresh_copy;
    bool taken[SAVED_LEVELS];
    void *values[SAVED_LEVELS][KEYS]; /* pthread_getspecific() */
    int entered;
    unsigned backs; /* since all pages were watched */
    struct sigaction before;
    uint8_t written[SAVED_ALL]; /* by number of the page: it is in the list */
};

/* The C library's own, which a replaced malloc() hides but leaves there. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *data, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *data);

static struct zone *zone; /* NULL: nothing was entered yet */
static struct saved *s;

bool saved_possible(void)
{
    return true;
}

/* ---- the zone ---- */

static bool is_inside(void)
{
    return s && s->entered > 0;
}

static bool in_zone(const void *p)
{
    return (uintptr_t)p - ZONE_ADDRESS < SAVED_ZONE;
}

static uint32_t class_of(size_t size, size_t *rounded)
{
    if (size <= SMALL_MAX) {
        uint32_t class = size ? (uint32_t)((size - 1) / SMALL_STEP) : 0;
        *rounded = ((size_t) class + 1) * SMALL_STEP;
        return class;
    }
    unsigned top = 63 - (unsigned)__builtin_clzll(size - 1); /* size is in (2^top, 2^(top+1)] */
    size_t quarter = (size_t)1 << (top - 2);
    size_t part = (size - 1 - ((size_t)1 << top)) / quarter;
    *rounded = ((size_t)1 << top) + (part + 1) * quarter;
    return SMALL_MAX / SMALL_STEP + 4 * (top - 10) + (uint32_t)part;
}

static void *zone_take(size_t size)
{
    size_t rounded;
    if (size > SAVED_ZONE / 4 || (zone->fail && --zone->fail == 0)) {
        errno = ENOMEM;
        return NULL;
    }
    uint32_t class = class_of(size, &rounded);
    struct block *b = class < CLASSES ? zone->free[class] : NULL;
    if (b) {
        zone->free[class] = b->next;
    } else {
        uint8_t *at = zone->bump;
        if (class >= CLASSES || rounded + sizeof(struct head) > (size_t)(ZONE_ADDRESS + SAVED_ZONE - (uintptr_t)at)) {
            errno = ENOMEM;
            return NULL;
        }
        zone->bump = at + sizeof(struct head) + rounded;
        b = (struct block *)(void *)(at + sizeof(struct head));
        ((struct head *)(void *)at)->size = rounded;
        ((struct head *)(void *)at)->class = class;
        ((struct head *)(void *)at)->offset = 0;
    }
    zone->in_use += rounded;
    return b;
}

static struct head *head_of(void *data)
{
    struct head *h = (struct head *)data - 1;
    return h->offset ? (struct head *)(void *)((uint8_t *)data - h->offset) - 1 : h;
}

static size_t room_of(void *data)
{
    const struct head *h = (struct head *)data - 1;
    return h->offset ? head_of(data)->size - h->offset : h->size;
}

static void zone_give(void *data)
{
    struct head *h = head_of(data);
    struct block *b = (struct block *)(void *)(h + 1);
    zone->in_use -= h->size;
    b->next = zone->free[h->class];
    zone->free[h->class] = b;
}

void *malloc(size_t size)
{
    return is_inside() ? zone_take(size) : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    size_t all;
    if (!is_inside())
        return __libc_calloc(count, size);
    if (__builtin_mul_overflow(count, size, &all)) {
        errno = ENOMEM;
        return NULL;
    }
    void *data = zone_take(all);
    return data ? memset(data, 0, all) : NULL;
}

void free(void *data)
{
    if (in_zone(data))
        zone_give(data);
    else
        __libc_free(data);
}

void *realloc(void *data, size_t size)
{
    if (!data)
        return malloc(size);
    if (!in_zone(data))
        return __libc_realloc(data, size); /* whoever made it keeps it */
    size_t room = room_of(data);
    if (size <= room)
        return data;
    void *more = zone_take(size);
    if (!more)
        return NULL;
    memcpy(more, data, room);
    zone_give(data);
    return more;
}

static void *aligned(size_t alignment, size_t size)
{
    if (!is_inside())
        return __libc_memalign(alignment, size);
    if (alignment <= SMALL_STEP)
        return zone_take(size);
    uint8_t *data = zone_take(size + alignment);
    if (!data)
        return NULL;
    size_t offset = (alignment - (uintptr_t)data % alignment) % alignment;
    if (offset > 0)
        ((struct head *)(void *)(data + offset) - 1)->offset = (uint32_t)offset;
    return data + offset;
}

void *memalign(size_t alignment, size_t size)
{
    return aligned(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return aligned(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    *out = aligned(alignment, size);
    return *out ? 0 : ENOMEM;
}

size_t malloc_usable_size(void *data)
{
    /* The C library's own count is hidden by this very function; nobody asks it of memory outside the zone. */
    return data && in_zone(data) ? room_of(data) : 0;
}

static int prepare(void)
{
    if (s)
        return 0;
    size_t size = (sizeof *s + PAGE - 1) / PAGE * PAGE, copies = SAVED_PAGES * PAGE;
    uint8_t *at = mmap(NULL, size + copies * SAVED_LEVELS + SAVED_FRESH, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED)
        return ERROR_MEMORY;
    s = (struct saved *)(void *)at;
    for (size_t i = 0; i < SAVED_LEVELS; i++)
        s->copies[i] = at + size + copies * i;
    s->fresh_copy = at + size + copies * SAVED_LEVELS;
    return 0;
}

void saved_enter(void)
{
    if (!zone) {
        if (prepare() != 0)
            abort(); /* at the very beginning, without a byte of it used */
        void *at = mmap((void *)ZONE_ADDRESS, SAVED_ZONE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
        if (at != (void *)ZONE_ADDRESS)
            abort(); /* nothing else is ever there */
        tzset();     /* what the C library keeps of it must not stand in the zone */
        zone = at;
        zone->bump = (uint8_t *)at + (sizeof *zone + PAGE - 1) / PAGE * PAGE;
    }
    s->entered++;
}

void saved_leave(void)
{
    if (s)
        s->entered--;
}

void saved_fail(uint64_t n)
{
    if (zone)
        zone->fail = n;
}

size_t saved_in_use(void)
{
    return zone ? zone->in_use : 0;
}

/* ---- pages ---- */

static const struct range *range_of(uintptr_t at)
{
    for (size_t i = 0; i < s->range_count; i++)
        if (at >= s->ranges[i].start && at < s->ranges[i].end)
            return &s->ranges[i];
    return NULL;
}

/* The first write to a page since level 0 was taken. */
static void on_write(int number, siginfo_t *info, void *context)
{
    uintptr_t at = (uintptr_t)info->si_addr & ~(PAGE - 1);
    const struct range *r = range_of(at);
    (void)context;
    if (r && s->page_count < SAVED_PAGES) {
        uint8_t *written = &s->written[r->first + (at - r->start) / PAGE];
        /* One that is writable already faults for another reason, which is the program's. */
        if (!*written && mprotect((void *)at, PAGE, PROT_READ | PROT_WRITE) == 0) {
            *written = 1;
            memcpy(s->copies[0] + s->page_count * PAGE, (const void *)at, PAGE);
            s->pages[s->page_count++] = at;
            return;
        }
    }
    /* Not ours: it happens again, and then to whoever watched before. */
    sigaction(number, &s->before, NULL);
}

static int add_range(uintptr_t start, uintptr_t end)
{
    for (size_t i = 0; i < s->except_count; i++) {
        const struct range *e = &s->except[i];
        if (e->start >= end || e->end <= start)
            continue;
        if (e->start > start && add_range(start, e->start) != 0)
            return ERROR_LIMIT;
        start = e->end;
    }
    if (start >= end)
        return 0;
    if (s->range_count == RANGES_MAX || s->page_all + (end - start) / PAGE > SAVED_ALL)
        return ERROR_LIMIT;
    s->ranges[s->range_count++] = (struct range){start, end, s->page_all};
    s->page_all += (end - start) / PAGE;
    return 0;
}

/* The writable data of a module, less what the loader made read-only behind itself. */
static int add_module(struct dl_phdr_info *info, size_t size, void *arg)
{
    static const char *const own[] = {"libc.so", "ld-linux", "linux-vdso", "linux-gate"};
    uintptr_t relro_start = 0, relro_end = 0;
    (void)size;
    (void)arg;
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (info->dlpi_name && strstr(info->dlpi_name, own[i]))
            return 0;
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_GNU_RELRO) {
            relro_start = (info->dlpi_addr + info->dlpi_phdr[i].p_vaddr) & ~(PAGE - 1);
            relro_end = (info->dlpi_addr + info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz) & ~(PAGE - 1);
        }
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        if (p->p_type != PT_LOAD || !(p->p_flags & PF_W))
            continue;
        uintptr_t start = (info->dlpi_addr + p->p_vaddr) & ~(PAGE - 1);
        uintptr_t end = (info->dlpi_addr + p->p_vaddr + p->p_memsz + PAGE - 1) & ~(PAGE - 1);
        if (start < relro_end && end > relro_start)
            start = relro_end;
        if (add_range(start, end) != 0)
            return ERROR_LIMIT;
    }
    return 0;
}

void saved_except(const void *start, const void *end)
{
    /* Only whole pages: what stands beside is saved. */
    uintptr_t from = ((uintptr_t)start + PAGE - 1) & ~(PAGE - 1), to = (uintptr_t)end & ~(PAGE - 1);
    if (prepare() == 0 && from < to && s->except_count < EXCEPT_MAX)
        s->except[s->except_count++] = (struct range){from, to, 0};
}

/* The kernel writes to the stack for signals, and a fault there is the end. */
static void except_signal_stack(void)
{
    stack_t other;
    if (sigaltstack(NULL, &other) != 0 || (other.ss_flags & SS_DISABLE) || s->except_count == EXCEPT_MAX)
        return;
    uintptr_t start = (uintptr_t)other.ss_sp & ~(PAGE - 1);
    uintptr_t end = ((uintptr_t)other.ss_sp + other.ss_size + PAGE - 1) & ~(PAGE - 1);
    s->except[s->except_count++] = (struct range){start, end, 0};
    s->edges[0] = (struct edge){.at = start, .len = (uintptr_t)other.ss_sp - start};
    s->edges[1] = (struct edge){.at = (uintptr_t)other.ss_sp + other.ss_size};
    s->edges[1].len = end - s->edges[1].at;
}

static int watch_all(void)
{
    memset(s->written, 0, s->page_all);
    s->page_count = 0;
    s->backs = 0;
    for (size_t i = 0; i < s->range_count; i++)
        if (mprotect((void *)s->ranges[i].start, s->ranges[i].end - s->ranges[i].start, PROT_READ) != 0)
            return ERROR_UNSUPPORTED;
    return 0;
}

static int take_all(void)
{
    struct sigaction action;
    except_signal_stack();
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_write;
    action.sa_flags = (int)(SA_SIGINFO | SA_ONSTACK | SA_NODEFER);
    sigemptyset(&action.sa_mask);
    s->fresh = ((uintptr_t)zone->bump + PAGE - 1) & ~(PAGE - 1);
    zone->bump = (uint8_t *)s->fresh;
    if (add_range(ZONE_ADDRESS, s->fresh) != 0 || dl_iterate_phdr(add_module, NULL) != 0)
        return ERROR_LIMIT;
    if (sigaction(SIGSEGV, &action, &s->before) != 0)
        return ERROR_UNSUPPORTED;
    return watch_all();
}

/* Libraries keep some state for the thread, where no page shows it; and there are the edges. */
static void keep_values(unsigned level)
{
    for (size_t i = 0; i < 2; i++)
        memcpy(s->edges[i].copy[level], (const void *)s->edges[i].at, s->edges[i].len);
    for (unsigned i = 0; i < KEYS; i++)
        s->values[level][i] = pthread_getspecific((pthread_key_t)i);
}

static void values_back(unsigned level)
{
    for (size_t i = 0; i < 2; i++)
        memcpy((void *)s->edges[i].at, s->edges[i].copy[level], s->edges[i].len);
    for (unsigned i = 0; i < KEYS; i++)
        if (pthread_getspecific((pthread_key_t)i) != s->values[level][i])
            (void)pthread_setspecific((pthread_key_t)i, s->values[level][i]);
}

int saved_take(unsigned level)
{
    int rc = prepare();
    if (rc)
        return rc;
    if (!zone || level >= SAVED_LEVELS || s->taken[0] != (level > 0))
        return ERROR_INVALID;
    if (level == 0) {
        rc = take_all();
    } else {
        size_t fresh = (size_t)((uintptr_t)zone->bump - s->fresh);
        if (fresh > SAVED_FRESH)
            return ERROR_LIMIT;
        memcpy(s->fresh_copy, (const void *)s->fresh, fresh);
        s->fresh_kept = fresh;
        s->page_at = s->page_count;
        for (size_t i = 0; i < s->page_count; i++)
            memcpy(s->copies[1] + i * PAGE, (const void *)s->pages[i], PAGE);
    }
    keep_values(level);
    s->taken[level] = rc == 0;
    return rc;
}

/* Pages that were first written to after level 1 was taken were then as they were at level 0. */
void saved_back(unsigned level)
{
    if (!saved_has(level))
        return;
    size_t own = level == 0 ? 0 : s->page_at;
    for (size_t i = 0; i < s->page_count; i++)
        memcpy((void *)s->pages[i], s->copies[i < own] + i * PAGE, PAGE);
    values_back(level);
    if (level == 0) {
        s->taken[1] = false;
        if (++s->backs >= WATCH_AGAIN && s->page_count > WATCH_PAGES)
            (void)watch_all();
    } else {
        memcpy((void *)s->fresh, s->fresh_copy, s->fresh_kept);
    }
}

void saved_end(void)
{
    if (!s || !s->taken[0])
        return;
    for (size_t i = 0; i < s->range_count; i++)
        (void)mprotect((void *)s->ranges[i].start, s->ranges[i].end - s->ranges[i].start, PROT_READ | PROT_WRITE);
    sigaction(SIGSEGV, &s->before, NULL);
    memset(s->written, 0, s->page_all);
    s->range_count = s->except_count = s->page_all = s->page_count = 0;
    s->taken[0] = s->taken[1] = false;
}

bool saved_has(unsigned level)
{
    return s && level < SAVED_LEVELS && s->taken[level];
}

size_t saved_pages(void)
{
    return s ? s->page_count : 0;
}

#endif
