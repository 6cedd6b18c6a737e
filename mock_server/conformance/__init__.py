"""How clients conduct themselves: what can be told from their calls alone, and what each rule rests on."""
