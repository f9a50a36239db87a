/* The inside of a shadow, shared by shadow.c (what goes along) and shadow_cut.c (what is left). */
#ifndef WORLD_SHADOW_INSIDE_H
#define WORLD_SHADOW_INSIDE_H

#include "base/array.h"
#include "base/map.h"
#include "world/shadow.h"
#include "world/sim_plant.h"

#define SHADOW_NODE   "disk"
#define SHADOW_PIECE  4096
#define SHADOW_BUFFER 65536

/* A real file; folders have none. */
struct shadow_original {
    struct stat stat; /* when it was first met */
    int file;         /* ours, for reading */
    bool complete;    /* all of its content is in the shadow */
    bool left;        /* not put back */
    uint8_t *known;   /* of each piece, whether it is */
    size_t known_count;
};

struct shadow_name {
    char *path;
    struct sim_planted what;
};
struct shadow_names {
    ARRAY(struct shadow_name) list;
    bool failed;
};

struct shadow {
    struct sim *sim;
    struct world *disk;
    ARRAY(struct shadow_original) originals; /* number n is item n - 1 */
    struct map by_inode;                     /* to the number */
    struct shadow_names before;              /* what there was when the power went */
    uint64_t written;
    struct shadow_crash crash;
    char failure[SHADOW_PATH_MAX + 128];
    bool failed;
    char buffer[SHADOW_BUFFER];
};

/* shadow.c */
void shadow_fail(struct shadow *s, const char *path, const char *why);
void shadow_check(struct shadow *s, const char *path, int64_t code);              /* fails when it is negative */
uint64_t shadow_number(const struct shadow *s, const struct stat *st);            /* 0: not known */
struct shadow_original *shadow_original(const struct shadow *s, uint64_t number); /* NULL: none */
struct world_file *shadow_open(struct shadow *s, const char *path);
struct shadow_names shadow_names(struct shadow *s); /* all there are, by name */
void shadow_names_free(struct shadow_names *n);

#endif
