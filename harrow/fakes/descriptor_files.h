/* The files of descriptor sets, so that a pool is made of those alone that are needed: which file has which service,
 * and what it imports. Sets may be added behind one another; of two files with one name the first counts. Nothing is
 * unpacked: a set with comments is many times larger than what is looked for in it. */
#ifndef HARROW_FAKES_DESCRIPTOR_FILES_H
#define HARROW_FAKES_DESCRIPTOR_FILES_H

#include "base/arena.h"
#include "base/array.h"
#include "base/error.h"
#include "base/map.h"
#include "base/text.h"

struct descriptor_file {
    const char *name, *package;
    struct bytes proto;
    ARRAY(const char *) imports;
    ARRAY(const char *) services; /* full names */
    bool wanted;                  /* set by who wants it */
};

struct descriptor_files {
    struct arena arena;
    ARRAY(struct descriptor_file *) files;
    struct map by_name;
};

void descriptor_files_deinit(struct descriptor_files *f);
/* The bytes of `set` are borrowed. ERROR_SYNTAX: it is no descriptor set; `name` is what messages call it. */
int descriptor_files_add(struct descriptor_files *f, struct bytes set, const char *name, struct error *err);
/* The files marked as wanted and all that they import, directly or not, as one set, without comments and places
 * (files with paths of google.api.http keep them, for what may be wrong with those), appended. */
int descriptor_files_set(struct descriptor_files *f, struct text *out);

#endif
