"""What the simulated Autotask tells about its entities: rights, fields, picklists."""

from reconcile_app.sandbox.autotask_state import ApiUser
from reconcile_app.sandbox.autotask_tables import DATA_TYPES, ENTITIES, PICKLISTS, Entity, Field
from reconcile_app.sandbox.gate import Reply, json_reply


def metadata_reply(entity: Entity, user: ApiUser, part: str) -> Reply | None:
    """``entityInformation`` and its parts; None when there is no such part."""
    if not part:
        return json_reply({"info": entity_information(entity, user)})
    if part == "fields":
        return json_reply({"fields": [_field(field) for field in entity.fields.values() if field.type != "array"]})
    return json_reply({"fields": []}) if part == "userdefinedfields" else None


def entity_information(entity: Entity, user: ApiUser) -> dict[str, object]:
    """What may be done with an entity, by the API and by this user."""
    rights = ("create", "delete", "query", "update")
    can: dict[str, object] = {f"can{right.capitalize()}": getattr(entity, right) for right in rights}
    access = {f"userAccessFor{right.capitalize()}": user.access(entity.name, right) for right in rights}
    return {"name": entity.record, **can, **access, "hasUserDefinedFields": entity.udf, "supportsWebhookCallouts": False}


def all_information(user: ApiUser) -> list[dict[str, object]]:
    """The same for every entity."""
    return [entity_information(entity, user) for entity in ENTITIES.values()]


def _field(field: Field) -> dict[str, object]:
    return {
        "name": field.name,
        "dataType": DATA_TYPES.get(field.type, field.type),
        "length": field.length,
        "isRequired": field.required,
        "isReadOnly": field.write in {"RO", "C"},
        "isQueryable": True,
        "isReference": bool(field.reference),
        "referenceEntityType": field.reference,
        "isPickList": bool(field.picklist),
        "picklistValues": _picklist(field.picklist) if field.picklist else None,
        "picklistParentValueField": "",
        "isSupportedWebhookField": False,
    }


def _picklist(name: str) -> list[dict[str, object]]:
    return [
        {
            "value": str(value),
            "label": label,
            "isDefaultValue": False,
            "sortOrder": order,
            "parentValue": "",
            "isActive": True,
            "isSystem": True,
        }
        for order, (value, label) in enumerate(PICKLISTS[name], start=1)
    ]
