/* What the dictionary and the reader of the user's file share. */
#ifndef FUZZ_MESSAGE_DICTIONARY_INTERNAL_H
#define FUZZ_MESSAGE_DICTIONARY_INTERNAL_H

#include "fuzz/message/dictionary.h"
#include "fuzz/message/wire_tree.h"

enum value_class { CLASS_NONE, CLASS_TEXT, CLASS_INTEGER, CLASS_REAL };

enum value_class dictionary_class(const struct pb_field *f); /* CLASS_NONE: a message */
/* To a field, or with `field` NULL to a name, or with both NULL to the class. */
void dictionary_add_user(struct dictionary *d, const struct pb_field *field, const char *name, enum value_class group,
                         struct bytes text, uint64_t number);

#endif
