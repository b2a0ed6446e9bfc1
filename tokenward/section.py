"""What all sections of the settings share."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Frozen, and a name that nobody knows is a fault."""

    model_config = ConfigDict(extra="forbid", frozen=True)
