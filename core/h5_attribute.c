/* core/h5_attribute.c - the part of h5.h that is about attributes and links. */
#include <string.h>

#include <hdf5.h>

#include "core/err.h"
#include "core/h5_internal.h"
#include "core/mem.h"

/* The attribute of an open object, made if need be. */
static hid_t attribute_of(hid_t object, const char *name, hid_t type)
{
    if (H5Aexists(object, name) > 0)
        return H5Aopen(object, name, H5P_DEFAULT);
    hid_t space = H5Screate(H5S_SCALAR);
    hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    H5Sclose(space);
    return attribute;
}

/* Text of any length in UTF-8, which is what h5py and the SONATA readers take for a string. */
static hid_t text_type(void)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    return type;
}

/* The object is held open: HDF5 1.10 does not find an existing attribute again that was opened by its object's name. */
static int set_attribute(struct cal_h5 *f, const char *object, const char *name, hid_t in_file, hid_t in_memory, const void *value)
{
    hid_t holder = H5Oopen(f->id, object, H5P_DEFAULT);
    hid_t attribute = holder < 0 ? -1 : attribute_of(holder, name, in_file);
    int err = CAL_OK;
    if (attribute < 0 || H5Awrite(attribute, in_memory, value) < 0 || f->note.write_error)
        err = cal_h5_fail(f, CAL_EIO, "cannot write the attribute `%s` of `%s`", name, object);
    if (attribute >= 0)
        H5Aclose(attribute);
    if (holder >= 0)
        H5Oclose(holder);
    return err;
}

int cal_h5_set_text(struct cal_h5 *f, const char *object, const char *name, const char *value)
{
    hid_t type = text_type();
    int err = set_attribute(f, object, name, type, type, &value);
    H5Tclose(type);
    return err;
}

int cal_h5_set_i64(struct cal_h5 *f, const char *object, const char *name, int64_t value)
{
    return set_attribute(f, object, name, H5T_STD_I64LE, H5T_NATIVE_INT64, &value);
}

/* The attribute, checked to be one value of the class. */
static int open_attribute(struct cal_h5 *f, const char *object, const char *name, H5T_class_t class, hid_t *attribute)
{
    *attribute = H5Aopen_by_name(f->id, object, name, H5P_DEFAULT, H5P_DEFAULT);
    if (*attribute < 0) {
        cal_h5_forget(f);
        return cal_fail(CAL_EINPUT, "%s: `%s` has no attribute `%s`", f->path, object, name);
    }
    hid_t type = H5Aget_type(*attribute), space = H5Aget_space(*attribute);
    bool fits = H5Tget_class(type) == class && H5Sget_simple_extent_npoints(space) == 1;
    H5Sclose(space);
    H5Tclose(type);
    if (fits)
        return CAL_OK;
    H5Aclose(*attribute);
    return cal_fail(CAL_EINPUT, "%s: attribute `%s` of `%s` is not %s", f->path, name, object,
                    class == H5T_INTEGER ? "a whole number" : "one text");
}

int cal_h5_get_i64(struct cal_h5 *f, const char *object, const char *name, int64_t *value)
{
    hid_t attribute;
    int err = open_attribute(f, object, name, H5T_INTEGER, &attribute);
    if (err)
        return err;
    if (H5Aread(attribute, H5T_NATIVE_INT64, value) < 0)
        err = cal_h5_fail(f, CAL_EINPUT, "cannot read the attribute `%s`", name);
    H5Aclose(attribute);
    return err;
}

/* Fixed and variable length alike come as the latter: HDF5 does not convert between them, so each is read as it is. */
static int read_text(hid_t attribute, char *value, size_t size)
{
    hid_t type = H5Aget_type(attribute);
    size_t fixed = H5Tis_variable_str(type) > 0 ? 0 : H5Tget_size(type);
    char *text = fixed ? cal_alloc(fixed + 1) : NULL;
    bool ok = H5Aread(attribute, type, fixed ? (void *)text : (void *)&text) >= 0 && text && strlen(text) < size;
    if (ok)
        memcpy(value, text, strlen(text) + 1);
    if (fixed)
        cal_free(text);
    else if (text)
        H5free_memory(text);
    H5Tclose(type);
    return ok ? 0 : -1;
}

int cal_h5_get_text(struct cal_h5 *f, const char *object, const char *name, char *value, size_t size)
{
    hid_t attribute;
    int err = open_attribute(f, object, name, H5T_STRING, &attribute);
    if (err)
        return err;
    if (read_text(attribute, value, size)) {
        cal_h5_forget(f);
        err = cal_fail(CAL_EINPUT, "%s: attribute `%s` of `%s` is damaged or longer than %zu bytes", f->path, name, object, size - 1);
    }
    H5Aclose(attribute);
    return err;
}

int cal_h5_link(struct cal_h5 *f, const char *name, const char *file, const char *target)
{
    hid_t link = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(link, 1);
    int err = CAL_OK;
    if (H5Lcreate_external(file, target, f->id, name, link, H5P_DEFAULT) < 0 || f->note.write_error)
        err = cal_h5_fail(f, CAL_EIO, "cannot write the link `%s`", name);
    H5Pclose(link);
    return err;
}
