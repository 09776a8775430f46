/* core/yaml_tree.h - how yaml.c builds the tree of yaml.h; nobody else needs it.
 *
 * All nodes of a tree name the same file. Trees are cut and joined (variants, --set), so the name is counted: the last node that
 * points at it frees it. */
#ifndef CAL_CORE_YAML_TREE_H
#define CAL_CORE_YAML_TREE_H

#include "core/yaml.h"

/* A counted copy of a file's name, held once. [give] to cal_source_release(). */
const char *cal_source_create(const char *name);
void cal_source_release(const char *source);

/* A node without key, text or children, which holds `source`. [give] */
struct cal_node *cal_node_create(enum cal_node_kind kind, const char *source, int line, int column);
/* child [take] */
void cal_node_append(struct cal_node *parent, struct cal_node *child);

#endif
