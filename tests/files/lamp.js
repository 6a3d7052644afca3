// A lamp that burns oil.

const ounce = 4;


class Lamp {
  hours(oil) {
    const text = `café`;

    return oil * ounce;
  }

}

module.exports = { Lamp };
